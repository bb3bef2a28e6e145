// SPDX-License-Identifier: Apache-2.0
#include "trainer/line_log.hpp"

#include "configs/error.hpp"
#include "configs/whole_lines.hpp"

namespace ergon {

LineLog::LineLog(Storage& storage, const std::string& path) : storage_(storage) {
  std::int64_t whole = -1;
  const bool is_new = !storage.exists(path);
  if (!is_new) {
    const std::string text = storage.read_text(path);
    const std::size_t end = whole_lines(text);
    if (end != text.size()) whole = static_cast<std::int64_t>(end);
  }
  file_ = storage.open_append(path);
  if (is_new) storage.sync_directory(parent_folder(path));
  if (whole < 0) return;
  storage.truncate(file_, whole);
  storage.sync(file_);
  torn_lines_ = 1;
}

void LineLog::append(std::string_view line) {
  if (torn_)
    throw Error("a line was torn when it was written, nothing more goes behind it", file_.path(), "the next start cuts it", ExitCode::data);
  line_.assign(line);
  line_ += '\n';
  const std::int64_t end = storage_.size(file_);
  try {
    storage_.append(file_, line_);
  } catch (const Error&) {
    torn_ = true;
    take_back(end);
    throw;
  }
}

void LineLog::take_back(std::int64_t end) noexcept {
  try {
    storage_.truncate(file_, end);
    torn_ = false;
  } catch (const std::exception&) {
    // The line stays torn; whoever appends next is told.
  }
}

void LineLog::sync() { storage_.sync(file_); }

}  // namespace ergon
