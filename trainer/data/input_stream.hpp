// SPDX-License-Identifier: Apache-2.0
// The text of one input file, decompressed while it is read; the bytes of the file as stored are counted and hashed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "configs/sha256.hpp"
#include "trainer/data/input_files.hpp"
#include "trainer/storage.hpp"

namespace ergon {

class InputStream {
 public:
  // `path` is a file, or standard_input, whose compression is found here. Throws Error (ExitCode::data) when it cannot be opened.
  InputStream(const std::string& path, Compression compression, Storage& storage);
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;
  ~InputStream();

  // Fills `out` but at the end of the text; returns the bytes given. Throws Error (ExitCode::data) for compressed data that is damaged or
  // cut short, and when reading fails.
  std::size_t read(std::span<char> out);

  std::int64_t stored_bytes() const { return stored_bytes_; }  // that have left the file so far
  std::string sha256();                                        // of the stored bytes; once, at the end

 private:
  struct Decoder;
  struct Gzip;
  struct Zstd;
  bool refill();  // the next stored bytes into rest_; false at the end of the file
  [[noreturn]] void refuse(const std::string& what) const;

  std::string path_;
  Storage::File file_;
  int descriptor_;
  Sha256 hash_;
  std::int64_t stored_bytes_ = 0;
  std::string buffer_;
  std::string_view rest_;  // of buffer_
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace ergon
