// SPDX-License-Identifier: Apache-2.0
// Has the device write a file's first bytes while its later ones are made, so that the sync at the end finds little left and the writer
// never meets the kernel's limit of dirty pages. Makes nothing durable and reports no failure: Storage::sync does both.
//
// Example: after reached(20 MiB + 100) of a new file, 20 MiB are on their way; reached(27 MiB) adds nothing, reached(28 MiB) the next 8
// MiB.
#pragma once

#include <cstdint>

#include "trainer/storage.hpp"

namespace ergon {

class WriteBack {
 public:
  static constexpr std::int64_t window = 8 << 20;  // begun at a time, in bytes: the device sees large writes

  // `file` outlives this object.
  explicit WriteBack(const Storage::File& file) : file_(file) {}
  // Every byte before `end` has been written; `end` does not go down. A page that `end` lies in waits: it would be written twice.
  void reached(std::int64_t end);
  std::int64_t begun() const { return begun_; }  // bytes, from the start of the file

 private:
  const Storage::File& file_;
  std::int64_t begun_ = 0;
};

}  // namespace ergon
