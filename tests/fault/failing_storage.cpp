// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/failing_storage.hpp"

#include <cerrno>
#include <csignal>

#include "trainer/storage_error.hpp"

namespace ergon::test {

const char* name(Phase phase) {
  constexpr const char* names[] = {"before", "layout", "data", "texts", "commit", "latest", "retention"};
  return names[static_cast<std::size_t>(phase)];
}

Phase FailingStorage::next_phase(const std::string& path) const {
  const auto has = [&](const char* part) { return path.find(part) != std::string::npos; };
  if (phase_ >= Phase::hint) return has("latest") || path.ends_with("/checkpoints") ? phase_ : Phase::retention;
  if (has("latest")) return Phase::hint;
  if (has(".h5")) return has(".reserve") || phase_ < Phase::layout ? Phase::layout : phase_;
  if (has(".json")) return Phase::texts;
  if (phase_ == Phase::texts) return Phase::commit;
  return phase_;
}

void FailingStorage::call(const std::string& path) {
  phase_ = next_phase(path);
  on_call(phase_);
  if (++calls_ != at_) return;
  if (deed_ == Deed::kill || deed_ == Deed::kill_half) std::raise(SIGKILL);
  if (deed_ == Deed::no_space || deed_ == Deed::short_write) fail_call("planted call", path, ENOSPC);
  if (deed_ == Deed::io_error) fail_call("planted call", path, EIO);
}

void FailingStorage::pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) {
  if (phase_ == Phase::layout) phase_ = Phase::data;
  if (due() && halves()) Storage::pwrite(file, data.first(data.size() / 2), offset);
  call(file.path());
  Storage::pwrite(file, data, offset);
}

void FailingStorage::append(const File& file, std::string_view text) {
  if (due() && halves()) Storage::append(file, text.substr(0, text.size() / 2));
  call(file.path());
  Storage::append(file, text);
}

}  // namespace ergon::test
