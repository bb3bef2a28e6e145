// SPDX-License-Identifier: Apache-2.0
// A storage that does a deed at its n-th call, of any thread, and says in which phase of a save each call is: the phases run from the first
// call for a layout to the end of `latest`, and retention follows.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/inspecting_storage.hpp"

namespace ergon::test {

enum class SavePhase { before, layout, data, texts, commit, hint, retention };
inline constexpr SavePhase phases_of_a_save[] = {SavePhase::layout, SavePhase::data, SavePhase::texts, SavePhase::commit, SavePhase::hint};
const char* name(SavePhase phase);

class FailingStorage : public InspectingStorage {
 public:
  enum class Deed {
    none,
    kill,        // SIGKILL, before the call
    kill_half,   // after half of what a write writes
    no_space,    // ENOSPC
    io_error,    // EIO
    short_write  // half is written, then ENOSPC
  };
  FailingStorage(Deed deed, int at) : deed_(deed), at_(at) {}

  int calls() const { return static_cast<int>(paths_.size()); }
  const std::vector<std::string>& paths() const { return paths_; }  // by call
  SavePhase struck_in() const { return struck_in_; }                // where the deed was done: what comes behind it is the cleaning up
  std::function<void(SavePhase)> on_call = [](SavePhase) {};

  File create(const std::string& path) override { return call(path), Storage::create(path); }
  File open_write(const std::string& path) override { return call(path), Storage::open_write(path); }
  File open_append(const std::string& path) override { return call(path), Storage::open_append(path); }
  File open_read(const std::string& path) override { return call(path), Storage::open_read(path); }
  File open_read_inside(const std::string& folder, const std::string& name) override {
    return call(folder), Storage::open_read_inside(folder, name);
  }
  void allocate(const File& file, std::int64_t bytes) override { call(file.path()), Storage::allocate(file, bytes); }
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override;
  void append(const File& file, std::string_view text) override;
  void truncate(const File& file, std::int64_t bytes) override { call(file.path()), Storage::truncate(file, bytes); }
  void sync(const File& file) override { call(file.path()), Storage::sync(file); }
  void sync_directory(const std::string& path) override { call(path), Storage::sync_directory(path); }
  void rename(const std::string& from, const std::string& to) override { call(from), Storage::rename(from, to); }
  void make_directory(const std::string& path) override { call(path), Storage::make_directory(path); }
  void unlink(const std::string& path) override { call(path), Storage::unlink(path); }
  void remove_directory(const std::string& path) override { call(path), Storage::remove_directory(path); }
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    call(file.path()), Storage::pread(file, data, offset);
  }

 private:
  void call(const std::string& path);
  // Counts a call. Whether the deed is done at it.
  bool is_due(const std::string& path);
  void strike(const std::string& path);
  bool halves() const { return deed_ == Deed::kill_half || deed_ == Deed::short_write; }
  SavePhase next_phase(const std::string& path) const;

  const Deed deed_;
  const int at_;
  std::mutex mutex_;
  std::vector<std::string> paths_;
  SavePhase phase_ = SavePhase::before, struck_in_ = SavePhase::before;
};

}  // namespace ergon::test
