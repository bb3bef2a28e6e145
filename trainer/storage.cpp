// SPDX-License-Identifier: Apache-2.0
#include "trainer/storage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <utility>

#include "configs/error.hpp"
#include "trainer/complete_file.hpp"
#include "trainer/storage_error.hpp"
#include "trainer/storage_link.hpp"

namespace ergon {
namespace {

// Repeats a system call that a signal interrupted.
template <typename Call>
auto retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

Storage::File open_file(const std::string& path, int flags) {
  const int descriptor = retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (descriptor < 0) fail_call("open", path, errno);
  return {descriptor, path};
}

// A folder whose own name is no link, whatever leads to it.
Storage::File open_folder(const std::string& path) {
  const Storage::File parent = open_file(parent_folder(path), O_PATH | O_DIRECTORY);
  const std::string last = path.substr(path.find_last_of('/') + 1);
  const int descriptor = retry([&] { return ::openat(parent.descriptor(), last.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
  if (descriptor >= 0) return {descriptor, path};
  const int code = errno;
  struct stat status;
  const bool link = ::fstatat(parent.descriptor(), last.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  fail_call("open", path, link ? ELOOP : code);  // the system calls a link "not a directory"
}

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void require_plain(const std::string& folder, const std::string& name) {
  if (is_plain_name(name)) return;
  throw Error(fmt::format("the file name '{}' is refused", shown_name(name)), folder,
              "names inside a checkpoint are one component of A-Z a-z 0-9 . _ -, at most 255 characters", ExitCode::data);
}

class Directory {
 public:
  explicit Directory(const std::string& path) : stream_(::opendir(path.c_str())) {
    if (!stream_) fail_call("opendir", path, errno);
  }
  ~Directory() { ::closedir(stream_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  DIR* get() const { return stream_; }

 private:
  DIR* stream_;
};

}  // namespace

Storage::File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

Storage::File& Storage::File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

Storage::File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Storage::File Storage::create(const std::string& path) { return open_file(path, O_RDWR | O_CREAT | O_EXCL); }
Storage::File Storage::open_write(const std::string& path) { return open_file(path, O_RDWR); }
Storage::File Storage::open_append(const std::string& path) { return open_file(path, O_RDWR | O_CREAT | O_APPEND); }
Storage::File Storage::open_read(const std::string& path) { return open_file(path, O_RDONLY); }

Storage::File Storage::open_read_inside(const std::string& folder, const std::string& name) {
  require_plain(folder, name);
  const File opened = open_folder(folder);
  const std::string path = folder + "/" + name;
  const int descriptor = retry([&] { return ::openat(opened.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); });
  if (descriptor < 0) fail_call("open", path, errno);
  return {descriptor, path};
}

bool Storage::has_inside(const std::string& folder, const std::string& name) {
  require_plain(folder, name);
  const File opened = open_folder(folder);
  struct stat status;
  if (::fstatat(opened.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  fail_call("stat", folder + "/" + name, errno);
}

Hdf5Contents Storage::hdf5(const File& file, const std::vector<std::string>& names) {
  ERGON_CHECK(inspect_, "nobody was named who looks into {}", file.path());
  const std::int64_t bytes = size(file);
  Hdf5Contents contents = inspect_(file.descriptor(), file.path(), names);
  check_inside(contents, bytes, file.path());
  return contents;
}

void Storage::allocate(const File& file, std::int64_t bytes) {
  if (bytes <= 0) return;
  const int result = retry([&] { return ::fallocate(file.descriptor(), 0, 0, bytes); });
  if (result == 0) return;
  if (errno != EOPNOTSUPP) fail_call("fallocate", file.path(), errno);
  if (free_bytes(parent_folder(file.path())) < bytes) fail_call("free-space check", file.path(), ENOSPC);
}

void Storage::pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) {
  while (!data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), std::size_t{1} << 30);
    const ssize_t written = retry([&] { return ::pwrite(file.descriptor(), data.data(), part, offset); });
    if (written < 0) fail_call("pwrite", file.path(), errno);
    if (written == 0) fail_call("pwrite", file.path(), ENOSPC);
    data = data.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
}

void Storage::append(const File& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = retry([&] { return ::write(file.descriptor(), text.data(), text.size()); });
    if (written < 0) fail_call("write", file.path(), errno);
    if (written == 0) fail_call("write", file.path(), ENOSPC);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Storage::truncate(const File& file, std::int64_t bytes) {
  if (retry([&] { return ::ftruncate(file.descriptor(), bytes); }) < 0) fail_call("ftruncate", file.path(), errno);
}

void Storage::sync(const File& file) {
  if (::fdatasync(file.descriptor()) < 0) fail_call("fdatasync", file.path(), errno);
}

void Storage::sync_directory(const std::string& path) {
  const File folder = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.descriptor()) < 0) fail_call("fsync", path, errno);
}

void Storage::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) fail_call("rename", fmt::format("{} -> {}", from, to), errno);
}

void Storage::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) < 0) fail_call("mkdir", path, errno);
}

void Storage::make_directories(const std::string& path) {
  if (is_folder(path)) return;
  const std::string parent = parent_folder(path);
  if (parent != path && !exists(parent)) make_directories(parent);
  if (!ensure_directory(*this, path) && !is_folder(path)) fail_call("mkdir", path, EEXIST);
  sync_directory(parent);
}

void Storage::unlink(const std::string& path) {
  if (::unlink(path.c_str()) < 0) fail_call("unlink", path, errno);
}

bool is_ordinary(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) < 0) fail_call("lstat", path, errno);
  return S_ISREG(status.st_mode);
}

bool ensure_directory(Storage& storage, const std::string& path) {
  try {
    storage.make_directory(path);
  } catch (const Error&) {
    if (!storage.exists(path)) throw;
    return false;
  }
  return true;
}

bool link_file(const Storage::File& file, const std::string& path) {
  const int code = ::link(file.path().c_str(), path.c_str()) == 0 ? 0 : errno;
  struct stat status;
  if (::fstat(file.descriptor(), &status) < 0) fail_call("fstat", file.path(), errno);
  if (code == 0 || status.st_nlink == 2) return true;
  if (code == EPERM || code == EOPNOTSUPP) {
    throw Error("this file system has no hard links, which the run lock needs", path, "point run.folder at another file system",
                ExitCode::data);
  }
  if (code != 0 && code != EEXIST && code != ENOENT) fail_call("link", path, code);
  return false;
}

void Storage::remove_directory(const std::string& path) {
  for (const std::string& name : list(path)) {
    const std::string entry = path + "/" + name;
    struct stat status;
    if (::lstat(entry.c_str(), &status) < 0) fail_call("lstat", entry, errno);
    if (S_ISDIR(status.st_mode)) {
      remove_directory(entry);
    } else {
      unlink(entry);
    }
  }
  if (::rmdir(path.c_str()) < 0) fail_call("rmdir", path, errno);
}

void Storage::pread(const File& file, std::span<std::byte> data, std::int64_t offset) {
  while (!data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), std::size_t{1} << 30);
    const ssize_t count = retry([&] { return ::pread(file.descriptor(), data.data(), part, offset); });
    if (count < 0) fail_call("pread", file.path(), errno);
    if (count == 0) {
      throw Error(fmt::format("the file ends at byte {}, {} more were expected", offset, data.size()), file.path(),
                  "it was cut short: use another copy", ExitCode::data);
    }
    data = data.subspan(static_cast<std::size_t>(count));
    offset += count;
  }
}

void Storage::drop_cache(const File& file) {
  sync(file);
  const int code = ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  if (code != 0) fail_call("posix_fadvise", file.path(), code);
}

std::string Storage::read_text(const std::string& path) { return read_text(open_read(path)); }

std::string Storage::read_text(const File& file) {
  std::string text(static_cast<std::size_t>(size(file)), '\0');
  pread(file, std::as_writable_bytes(std::span(text)), 0);
  return text;
}

void Storage::write_text(const std::string& path, std::string_view text) {
  CompleteFile file(*this, path);
  file.write(text);
  file.finish();
}

std::int64_t Storage::size(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) < 0) fail_call("stat", path, errno);
  return status.st_size;
}

std::int64_t Storage::size(const File& file) {
  struct stat status;
  if (::fstat(file.descriptor(), &status) < 0) fail_call("fstat", file.path(), errno);
  if (!S_ISREG(status.st_mode))
    throw Error("this is not an ordinary file", file.path(), "name a file: folders, pipes and devices are refused", ExitCode::data);
  return status.st_size;
}

bool has_name(const Storage::File& file) {
  struct stat status;
  if (::fstat(file.descriptor(), &status) < 0) fail_call("fstat", file.path(), errno);
  return status.st_nlink > 0;
}

bool Storage::exists(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  fail_call("stat", path, errno);
}

std::vector<std::string> Storage::list(const std::string& folder) {
  const Directory directory(folder);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (!entry) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) fail_call("readdir", folder, errno);
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t Storage::free_bytes(const std::string& path) {
  struct statvfs status;
  if (retry([&] { return ::statvfs(path.c_str(), &status); }) < 0) fail_call("statvfs", path, errno);
  return static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize);
}

bool is_plain_name(const std::string& name) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." && std::all_of(name.begin(), name.end(), plain);
}

std::string shown_name(const std::string& name) {
  std::string shown;
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    shown += code < 0x20 || code == 0x7f ? fmt::format("\\x{:02x}", code) : std::string(1, c);
  }
  return shown;
}

std::string parent_folder(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace ergon
