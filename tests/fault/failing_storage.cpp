// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/failing_storage.hpp"

#include <cerrno>
#include <csignal>

#include "trainer/storage_error.hpp"

namespace ergon::test {

const char* name(SavePhase phase) {
  constexpr const char* names[] = {"before", "layout", "data", "texts", "commit", "latest", "retention"};
  return names[static_cast<std::size_t>(phase)];
}

SavePhase FailingStorage::next_phase(const std::string& path) const {
  const auto has = [&](const char* part) { return path.find(part) != std::string::npos; };
  if (phase_ >= SavePhase::hint) return has("latest") || path.ends_with("/checkpoints") ? phase_ : SavePhase::retention;
  if (has("latest")) return SavePhase::hint;
  if (has(".h5")) return has(".reserve") || phase_ < SavePhase::layout ? SavePhase::layout : phase_;
  if (has(".json")) return SavePhase::texts;
  if (phase_ == SavePhase::texts) return SavePhase::commit;
  return phase_;
}

bool FailingStorage::is_due(const std::string& path) {
  const std::lock_guard lock(mutex_);
  phase_ = next_phase(path);
  on_call(phase_);
  paths_.push_back(path);
  if (calls() != at_) return false;
  struck_in_ = phase_;
  return true;
}

void FailingStorage::call(const std::string& path) {
  if (is_due(path)) strike(path);
}

void FailingStorage::strike(const std::string& path) {
  if (deed_ == Deed::kill || deed_ == Deed::kill_half) std::raise(SIGKILL);
  if (deed_ == Deed::no_space || deed_ == Deed::short_write) fail_call("planted call", path, ENOSPC);
  if (deed_ == Deed::io_error) fail_call("planted call", path, EIO);
}

void FailingStorage::pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == SavePhase::layout) phase_ = SavePhase::data;
  }
  if (is_due(file.path())) {
    if (halves()) Storage::pwrite(file, data.first(data.size() / 2), offset);
    strike(file.path());
  }
  Storage::pwrite(file, data, offset);
}

void FailingStorage::append(const File& file, std::string_view text) {
  if (is_due(file.path())) {
    if (halves()) Storage::append(file, text.substr(0, text.size() / 2));
    strike(file.path());
  }
  Storage::append(file, text);
}

}  // namespace ergon::test
