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
  patiently_with([&](const Storage::File& file) { storage_.pread(file, data, offset); });
}

void PatientFile::drop_cache() {
  patiently_with([&](const Storage::File& file) { storage_.drop_cache(file); });
}

template <typename Work>
void PatientFile::patiently_with(const Work& work) {
  for (Tries tries(patience_);;) {
    try {
      return tries.first() ? with_open(work) : with_anew(work);
    } catch (const CallError& error) {
      tries.wait_after(error);
    }
    ++retries_;
  }
}

template <typename Work>
void PatientFile::with_open(const Work& work) {
  {
    const std::shared_lock lock(mutex_);
    if (file_) return work(file_);
  }
  const std::unique_lock lock(mutex_);
  if (!file_) open();
  work(file_);
}

template <typename Work>
void PatientFile::with_anew(const Work& work) {
  const std::unique_lock lock(mutex_);
  open();
  work(file_);
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
