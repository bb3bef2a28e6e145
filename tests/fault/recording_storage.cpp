// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/recording_storage.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace ergon::test {

using Kind = Operation::Kind;

std::string to_text(const Operation& operation) {
  static constexpr const char* names[] = {"make", "open",           "adopt",  "extend",         "write",  "append",          "truncate",
                                          "sync", "sync_directory", "rename", "make_directory", "unlink", "remove_directory"};
  return fmt::format("{} {}{}{}", names[static_cast<std::size_t>(operation.kind)], operation.path, operation.to.empty() ? "" : " -> ",
                     operation.to);
}

RecordingStorage::RecordingStorage(std::string root) : root_(std::move(root)) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) known_.insert(entry.path().string());
}

void RecordingStorage::log(Operation operation) {
  if (operation.descriptor >= 0) writers_.insert(operation.descriptor);
  if (operation.path.rfind(root_, 0) == 0) operations_.push_back(std::move(operation));
}

Storage::File RecordingStorage::opened(File file) {
  const bool is_new = known_.insert(file.path()).second;
  log({is_new ? Kind::adopt : Kind::open, file.path(), "", is_new ? read_text(file) : "", file.descriptor()});
  return file;
}

Storage::File RecordingStorage::create(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  File file = Storage::create(path);
  known_.insert(path);
  log({Kind::make, path, "", "", file.descriptor()});
  return file;
}

Storage::File RecordingStorage::open_write(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  return opened(Storage::open_write(path));
}

Storage::File RecordingStorage::open_append(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const bool is_new = !exists(path);
  File file = Storage::open_append(path);
  if (is_new) {
    known_.insert(path);
    log({Kind::make, path, "", "", file.descriptor()});
    return file;
  }
  return opened(std::move(file));
}

Storage::File RecordingStorage::open_read(const std::string& path) { return only_read(Storage::open_read(path)); }

Storage::File RecordingStorage::open_read_inside(const std::string& folder, const std::string& name) {
  return only_read(Storage::open_read_inside(folder, name));
}

Storage::File RecordingStorage::only_read(File file) {
  const std::scoped_lock lock(mutex_);
  writers_.erase(file.descriptor());
  return file;
}

void RecordingStorage::allocate(const File& file, std::int64_t bytes) {
  const std::scoped_lock lock(mutex_);
  Storage::allocate(file, bytes);
  log({Kind::extend, file.path(), "", "", file.descriptor(), bytes});
}

void RecordingStorage::pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) {
  const std::scoped_lock lock(mutex_);
  Storage::pwrite(file, data, offset);
  log({Kind::write, file.path(), "", std::string(reinterpret_cast<const char*>(data.data()), data.size()), file.descriptor(), offset});
}

void RecordingStorage::append(const File& file, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  Storage::append(file, text);
  log({Kind::append, file.path(), "", std::string(text), file.descriptor()});
}

void RecordingStorage::truncate(const File& file, std::int64_t bytes) {
  const std::scoped_lock lock(mutex_);
  Storage::truncate(file, bytes);
  log({Kind::truncate, file.path(), "", "", file.descriptor(), bytes});
}

void RecordingStorage::sync(const File& file) {
  const std::scoped_lock lock(mutex_);
  Storage::sync(file);
  if (writers_.count(file.descriptor()) == 0) return;
  log({Kind::sync, file.path(), "", "", file.descriptor()});
}

void RecordingStorage::sync_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  Storage::sync_directory(path);
  log({Kind::sync_directory, path, "", ""});
}

void RecordingStorage::rename(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  Storage::rename(from, to);
  std::set<std::string> known;
  for (const std::string& path : known_) {
    const bool moved = path == from || path.rfind(from + "/", 0) == 0;
    known.insert(moved ? to + path.substr(from.size()) : path);
  }
  known_ = std::move(known);
  log({Kind::rename, from, to, ""});
}

void RecordingStorage::make_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  Storage::make_directory(path);
  log({Kind::make_directory, path, "", ""});
}

void RecordingStorage::unlink(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  Storage::unlink(path);
  known_.erase(path);
  log({Kind::unlink, path, "", ""});
}

void RecordingStorage::remove_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  Storage::remove_directory(path);
  log({Kind::remove_directory, path, "", ""});
}

}  // namespace ergon::test
