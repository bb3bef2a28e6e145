// SPDX-License-Identifier: Apache-2.0
#include "launch/tensorboard_log.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "trainer/crc32c.hpp"

namespace ergon {
namespace {

// Protocol buffers, the four kinds of field that are needed here.
class Message {
 public:
  void integer(int field, std::uint64_t value) {
    key(field, 0);
    varint(value);
  }
  void number(int field, double value) {
    key(field, 1);
    fixed(std::bit_cast<std::uint64_t>(value), 8);
  }
  void single(int field, float value) {
    key(field, 5);
    fixed(std::bit_cast<std::uint32_t>(value), 4);
  }
  void bytes(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    text_.append(value);
  }
  const std::string& text() const { return text_; }

 private:
  void key(int field, int wire) { varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(0x80 | (value & 0x7f));
    text_ += static_cast<char>(value);
  }
  void fixed(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) text_ += static_cast<char>(value >> 8 * i & 0xff);
  }
  std::string text_;
};

std::string little_endian(std::uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

// So that a checksum of data that holds checksums is not one of them (tensorflow/core/lib/hash/crc32c.h).
std::string masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return little_endian(std::uint32_t((crc >> 15 | crc << 17) + 0xa282ead8u), 4);
}

// Fields of Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7.
Message event(double wall_time, std::int64_t step) {
  Message message;
  message.number(1, wall_time);
  message.integer(2, static_cast<std::uint64_t>(step));
  return message;
}

}  // namespace

std::string tensorboard_record(std::string_view bytes) {
  const std::string length = little_endian(bytes.size(), 8);
  return length + masked(length) + std::string(bytes) + masked(bytes);
}

TensorBoardLog::TensorBoardLog(Storage& storage, const std::string& run_folder, std::int64_t attempt, std::int64_t from_step,
                               double wall_time)
    : storage_(storage) {
  const std::string folder = run_folder + "/tensorboard";
  storage_.make_directories(folder);
  // Readers take the files of a folder in the order of their names.
  file_ = storage_.open_append(fmt::format("{}/events.out.tfevents.{:010}.a{:04}", folder, static_cast<std::int64_t>(wall_time), attempt));
  Message version = event(wall_time, 0);
  version.bytes(3, "brain.Event:2");
  write(version.text());
  Message start;
  start.integer(1, 1);  // SessionLog.status = START
  Message session = event(wall_time, from_step + 1);
  session.bytes(7, start.text());
  write(session.text());
}

void TensorBoardLog::add(std::int64_t step, std::span<const Scalar> scalars, double wall_time) {
  Message summary;
  for (const Scalar& scalar : scalars) {
    Message value;  // Summary.Value: tag 1, simple_value 2
    value.bytes(1, scalar.tag);
    value.single(2, static_cast<float>(scalar.value));
    summary.bytes(1, value.text());
  }
  Message message = event(wall_time, step);
  message.bytes(5, summary.text());
  write(message.text());
}

void TensorBoardLog::write(const std::string& event) { storage_.append(file_, tensorboard_record(event)); }

}  // namespace ergon
