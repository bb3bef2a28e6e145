// SPDX-License-Identifier: Apache-2.0
// A file that is read with patience (trainer/data/patience.hpp): for each try after the first it is opened anew, because a stale handle
// never comes back.
//
// Thread safety: any thread may call anything.
#pragma once

#include <atomic>
#include <functional>
#include <shared_mutex>
#include <span>

#include "trainer/data/patience.hpp"
#include "trainer/storage.hpp"

namespace ergon {

class PatientFile {
 public:
  using Open = std::function<Storage::File()>;
  PatientFile(Storage::File file, Open open, Storage& storage, Patience patience = {});
  // Opened by the first read: a file of this size.
  PatientFile(Bytes size, Open open, Storage& storage, Patience patience = {});

  // As Storage::pread. When the last try fails: Error (ExitCode::data) that says how many there were. A file of another size under the name
  // is an Error: it was replaced.
  void pread(std::span<std::byte> data, std::int64_t offset);
  // As Storage::drop_cache, as patiently.
  void drop_cache();
  // How often the file was opened anew: what was checked of the one before says nothing about the present one.
  std::int64_t openings() const { return openings_; }
  std::int64_t retries() const { return retries_; }

 private:
  // Calls `work` with the open file until it does not fail: as the first try does it, and as the others do.
  template <typename Work>
  void patiently_with(const Work& work);
  template <typename Work>
  void with_open(const Work& work);
  template <typename Work>
  void with_anew(const Work& work);
  void open();

  std::shared_mutex mutex_;  // alone: to open
  Storage::File file_;
  Open open_;
  Storage& storage_;
  Patience patience_;
  std::int64_t bytes_;
  std::atomic<std::int64_t> openings_ = 0, retries_ = 0;
};

}  // namespace ergon
