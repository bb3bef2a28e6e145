// SPDX-License-Identifier: Apache-2.0
// All durable input and output of Ergon goes through this class: every result is checked, and a failure is an Error that names the
// operation, the path, the system's message and the way out (ExitCode::data, trainer/storage_error.hpp). No other file calls open, pwrite,
// fsync, rename, mkdir or unlink (a test reads the sources). Tests replace it to fail at the n-th call. A failed sync is final: what was
// written may be lost although a second sync would succeed, so the caller gives that file up.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/hdf5_contents.hpp"

namespace ergon {

class Storage {
 public:
  // `inspect` tells what an HDF5 file holds (trainer/hdf5_contents.hpp); a storage made without it opens no such file.
  explicit Storage(InspectHdf5 inspect = {}) : inspect_(std::move(inspect)) {}
  virtual ~Storage() = default;

  // An open file; closes itself, never throws from the destructor.
  class File {
   public:
    File() = default;
    File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();
    int descriptor() const { return descriptor_; }
    const std::string& path() const { return path_; }
    explicit operator bool() const { return descriptor_ >= 0; }

   private:
    int descriptor_ = -1;
    std::string path_;
  };

  virtual File create(const std::string& path);       // exclusive: an existing file is an Error
  virtual File open_write(const std::string& path);   // existing file
  virtual File open_append(const std::string& path);  // made if absent
  virtual File open_read(const std::string& path);
  // For names that come out of a file: one path component of [A-Za-z0-9._-]; neither it nor the folder itself may be a symbolic link.
  virtual File open_read_inside(const std::string& folder, const std::string& name);
  virtual void allocate(const File& file, std::int64_t bytes);  // reserves blocks: a full disk shows here
  virtual void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset);
  virtual void append(const File& file, std::string_view text);
  virtual void truncate(const File& file, std::int64_t bytes);
  virtual void sync(const File& file);  // fdatasync + size
  virtual void sync_directory(const std::string& path);
  virtual void rename(const std::string& from, const std::string& to);
  virtual void make_directory(const std::string& path);    // exclusive
  virtual void make_directories(const std::string& path);  // with parents, present ones are fine
  virtual void unlink(const std::string& path);
  virtual void remove_directory(const std::string& path);  // with its files
  // Fills `data` from `offset`; a short file is an Error. Several threads may read one file at once.
  virtual void pread(const File& file, std::span<std::byte> data, std::int64_t offset);
  // Writes back and forgets cached pages, so that the next read comes from the device.
  virtual void drop_cache(const File& file);

  virtual std::int64_t free_bytes(const std::string& path);  // that this user may still write to the file system of `path`

  // Built on the above.
  std::string read_text(const std::string& path);
  std::string read_text(const File& file);
  std::int64_t size(const File& file);
  void write_text(const std::string& path, std::string_view text);  // temporary, sync, rename, sync of the folder
  std::int64_t size(const std::string& path);
  bool exists(const std::string& path);
  // Whether the folder has anything under a name that came out of a file; a link counts, and is not followed.
  bool has_inside(const std::string& folder, const std::string& name);
  std::vector<std::string> list(const std::string& folder);  // names, sorted

  // What an open HDF5 file holds: the datasets of these names, or all of them; every one lies inside the file.
  Hdf5Contents hdf5(const File& file, const std::vector<std::string>& names);

 private:
  InspectHdf5 inspect_;
};

// One path component of A-Z a-z 0-9 . _ - and at most 255 characters; not "." or "..".
bool is_plain_name(const std::string& name);
// For messages: control characters as \xNN.
std::string shown_name(const std::string& name);

// The folder a path lies in: "." for a bare name.
std::string parent_folder(const std::string& path);

}  // namespace ergon
