// SPDX-License-Identifier: Apache-2.0
// A file that nobody sees before it is complete and durable. One that is not finished is removed when this object ends; what a crash leaves
// carries a temporary name, its own or that of its folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "trainer/storage.hpp"
#include "trainer/write_back.hpp"

namespace ergon {

enum class FileNaming {
  renamed,      // written as PATH.tmp; finish() syncs it, gives it its name, replacing what has it, and syncs the folder
  with_folder,  // written under its own name, which must be free, and synced; whoever puts its folder in place syncs that first
};

struct FinishedFile {
  std::int64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC32C of them
};

class CompleteFile {
 public:
  // Removes what an earlier process may have left as PATH.tmp. Throws Error as Storage does, here and in all of its calls.
  CompleteFile(Storage& storage, std::string path, FileNaming naming = FileNaming::renamed);
  CompleteFile(const CompleteFile&) = delete;
  CompleteFile& operator=(const CompleteFile&) = delete;
  ~CompleteFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Once, after the last write.
  FinishedFile finish();

 private:
  Storage& storage_;
  const std::string path_, written_as_;
  Storage::File file_;
  WriteBack write_back_{file_};
  FinishedFile content_;
  bool in_place_ = false;
};

}  // namespace ergon
