// SPDX-License-Identifier: Apache-2.0
#include "trainer/complete_file.hpp"

#include "trainer/crc32c.hpp"

namespace ergon {

CompleteFile::CompleteFile(Storage& storage, std::string path, FileNaming naming)
    : storage_(storage), path_(std::move(path)), written_as_(naming == FileNaming::renamed ? path_ + ".tmp" : path_) {
  if (naming == FileNaming::renamed && storage_.exists(written_as_)) storage_.unlink(written_as_);
  file_ = storage_.create(written_as_);
}

CompleteFile::~CompleteFile() {
  try {
    if (!in_place_ && storage_.exists(written_as_)) storage_.unlink(written_as_);
  } catch (...) {
    // Half a file under a name that the next one to this place removes.
  }
}

void CompleteFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void CompleteFile::write(std::string_view text) {
  content_.crc = crc32c(text, content_.crc);
  storage_.append(file_, text);
  content_.bytes += std::ssize(text);
  write_back_.reached(content_.bytes);
}

FinishedFile CompleteFile::finish() {
  storage_.sync(file_);
  if (written_as_ != path_) storage_.rename(written_as_, path_);
  in_place_ = true;
  if (written_as_ != path_) storage_.sync_directory(parent_folder(path_));
  return content_;
}

}  // namespace ergon
