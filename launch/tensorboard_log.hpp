// SPDX-License-Identifier: Apache-2.0
// Scalars of a run as TensorBoard reads them: RUN/tensorboard/events.out.tfevents.*, a file an attempt.
//
// The format: records of (length, masked CRC32C of the length, bytes, masked CRC32C of the bytes), each a protocol buffer `Event`
// (tensorflow/core/util/event.proto, summary.proto). The few fields that are written are encoded here, because LibTorch exports a
// protobuf of its own, of another version than the distribution's, and one process cannot hold both.
// A file begins with a session start at the attempt's first step: TensorBoard then drops what earlier attempts wrote from that step on, so
// steps increase once over a resume.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "trainer/storage.hpp"

namespace ergon {

struct Scalar {
  std::string_view tag;
  double value;  // kept as float: all that TensorBoard's scalars hold
};

class TensorBoardLog {
 public:
  // Makes the file. wall_time: seconds since 1970. Throws Error (ExitCode::data) as Storage does.
  TensorBoardLog(Storage& storage, const std::string& run_folder, std::int64_t attempt, std::int64_t from_step, double wall_time);

  void add(std::int64_t step, std::span<const Scalar> scalars, double wall_time);

 private:
  void write(const std::string& event);

  Storage& storage_;
  Storage::File file_;
};

// One record of the file, for tests too.
std::string tensorboard_record(std::string_view bytes);

}  // namespace ergon
