// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/patient_file.hpp"

#include <mutex>

#include "configs/error.hpp"

namespace ergon {

PatientFile::PatientFile(Storage::File file, Open open, Storage& storage, Patience patience)
    : file_(std::move(file)), open_(std::move(open)), storage_(storage), patience_(patience), bytes_(storage.size(file_)) {}

PatientFile::PatientFile(Bytes size, Open open, Storage& storage, Patience patience)
    : open_(std::move(open)), storage_(storage), patience_(patience), bytes_(size.value) {}

void PatientFile::pread(std::span<std::byte> data, std::int64_t offset) {
  for (Tries tries(patience_);;) {
    try {
      return tries.first() ? read_open(data, offset) : read_anew(data, offset);
    } catch (const CallError& error) {
      tries.wait_after(error);
    }
    ++retries_;
  }
}

void PatientFile::read_open(std::span<std::byte> data, std::int64_t offset) {
  {
    const std::shared_lock lock(mutex_);
    if (file_) return storage_.pread(file_, data, offset);
  }
  const std::unique_lock lock(mutex_);
  if (!file_) open();
  storage_.pread(file_, data, offset);
}

void PatientFile::read_anew(std::span<std::byte> data, std::int64_t offset) {
  const std::unique_lock lock(mutex_);
  open();
  storage_.pread(file_, data, offset);
}

void PatientFile::open() {
  Storage::File file = open_();
  if (const std::int64_t bytes = storage_.size(file); bytes != bytes_)
    throw Error(fmt::format("had {} bytes, now it has {}: it was replaced while it was read", bytes_, bytes), file.path(),
                "put the store back that the run began with, and resume", ExitCode::data);
  openings_ += static_cast<bool>(file_);
  file_ = std::move(file);
}

}  // namespace ergon
