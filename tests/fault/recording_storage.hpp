// SPDX-License-Identifier: Apache-2.0
// A storage that does what it is told and writes it down, so that crash_model.hpp can say what a power cut would have left at any moment.
// Files that others make (HDF5's layouts) are written down, unsynced, when they are first opened for writing.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/inspecting_storage.hpp"

namespace ergon::test {

// One change of the folder. `path` (of `rename` the old name) and `to` are absolute; `descriptor` is that of the file that it goes to.
struct Operation {
  enum class Kind {
    make,    // path, descriptor: a new, empty file
    open,    // path, descriptor: a file that is there
    adopt,   // path, descriptor, text: a file that somebody else made, with what is in it
    extend,  // descriptor, offset: the file is at least so long
    write,   // descriptor, offset, text
    append,  // descriptor, text
    truncate,
    sync,
    sync_directory,
    rename,
    make_directory,
    unlink,
    remove_directory,
  };
  Kind kind;
  std::string path, to, text;
  int descriptor = -1;
  std::int64_t offset = 0;

  bool syncs() const { return kind == Kind::sync || kind == Kind::sync_directory; }
};
std::string to_text(const Operation& operation);

class RecordingStorage : public InspectingStorage {
 public:
  // Only what is below `root` is written down.
  explicit RecordingStorage(std::string root);

  const std::vector<Operation>& operations() const { return operations_; }
  int done() const { return static_cast<int>(operations_.size()); }

  File create(const std::string& path) override;
  File open_write(const std::string& path) override;
  File open_append(const std::string& path) override;
  File open_read(const std::string& path) override;
  File open_read_inside(const std::string& folder, const std::string& name) override;
  void allocate(const File& file, std::int64_t bytes) override;
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override;
  void append(const File& file, std::string_view text) override;
  void truncate(const File& file, std::int64_t bytes) override;
  void sync(const File& file) override;
  void sync_directory(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void make_directory(const std::string& path) override;
  void unlink(const std::string& path) override;
  void remove_directory(const std::string& path) override;

 private:
  void log(Operation operation);
  File opened(File file);
  File only_read(File file);

  const std::string root_;
  std::recursive_mutex mutex_;  // what is written down is in the order in which it was done
  std::vector<Operation> operations_;
  std::set<int> writers_;        // descriptors of files that are open for writing: reading syncs too, before it forgets cached pages
  std::set<std::string> known_;  // files that were there at the start or that a recorded operation has made
};

}  // namespace ergon::test
