// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_lock.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/storage_link.hpp"

namespace ergon {
namespace {

constexpr const char* lock_prefix = "lock.a";
constexpr const char* temporary_prefix = "lock.tmp.";
constexpr const char* counter_key = "\"counter\": ";
constexpr int counter_width = 12;

double awake_or_asleep() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc;
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text;
}

std::string counter_text(std::int64_t counter) { return fmt::format("{:>{}}", counter, counter_width); }

std::string lock_text(const std::string& token, int attempt) {
  const ProcessIdentity self = this_process();
  const nlohmann::ordered_json record{
      {"schema", "ergon.lock.v1"},           {"token", token},  {"attempt", attempt},  {"host", self.host}, {"boot", self.boot},
      {"pid_namespace", self.pid_namespace}, {"pid", self.pid}, {"start", self.start}, {"job", self.job},   {"since", utc_now()}};
  std::string text = record.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize(text.size() - 2);  // without the newline and brace at the end
  return fmt::format("{},\n {}{}\n}}\n", text, counter_key, counter_text(0));
}

struct Owner {
  std::string token, since;
  ProcessIdentity process;
};

// Empty for a file that is no lock record: nobody can be asked then, only time tells.
std::optional<Owner> parse_owner(const std::string& text) {
  const nlohmann::json json = try_parse_shallow<nlohmann::json>(text);
  try {
    Owner owner;
    owner.token = json.at("token");
    owner.since = json.at("since");
    owner.process = {json.at("host"), json.at("boot"), json.at("pid_namespace"), json.at("pid"), json.at("start"), json.at("job")};
    return owner;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::string describe(const std::optional<Owner>& owner) {
  return owner ? fmt::format("{}, since {}", to_text(owner->process), owner->since) : "unknown: its file cannot be read";
}

std::optional<int> lock_number(const std::string& name) {
  const std::string prefix = lock_prefix;
  if (name.rfind(prefix, 0) != 0) return std::nullopt;
  int number = 0;
  const char* last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, number);
  if (error != std::errc() || end != last || number < 1) return std::nullopt;
  return number;
}

// The text of a file that may vanish at any time.
std::optional<std::string> text_of(Storage& storage, const std::string& path) {
  try {
    if (storage.exists(path)) return storage.read_text(path);
  } catch (const Error&) {
    if (storage.exists(path)) throw;
  }
  return std::nullopt;
}

void forget(Storage& storage, const std::string& path) {
  try {
    if (storage.exists(path)) storage.unlink(path);
  } catch (const Error&) {
    if (storage.exists(path)) throw;
  }
}

int newest_lock(Storage& storage, const std::string& folder) {
  int newest = 0;
  for (const std::string& name : storage.list(folder)) newest = std::max(newest, lock_number(name).value_or(0));
  return newest;
}

// Looks at the newest lock of a folder again and again, and says when its owner is gone.
class Watcher {
 public:
  enum class Verdict { free, wait, alive };

  Verdict look(const std::string& path, const std::string& text, Seconds stale) {
    const Clock::time_point now = Clock::now();
    const std::optional<Owner> owner = parse_owner(text);
    if (owner && is_gone(owner->process)) return Verdict::free;
    if (path != path_) {
      path_ = path;
      text_ = text;
      start_ = now;
      return Verdict::wait;
    }
    if (text != text_) return Verdict::alive;
    watched_ = since(start_, now);
    return watched_ >= stale ? Verdict::free : Verdict::wait;
  }
  Seconds watched() const { return watched_; }

 private:
  std::string path_, text_;
  Clock::time_point start_;
  Seconds watched_ = {0};
};

[[noreturn]] void refuse(const std::string& path, const std::string& text) {
  const std::optional<Owner> owner = parse_owner(text);
  const std::string pid = owner ? std::to_string(owner->process.pid) : "PID";
  const std::string host = owner ? owner->process.host : "its host";
  throw Error(fmt::format("another process is training in this folder ({})", describe(owner)), path,
              fmt::format("let it end, or end it (`kill -USR1 {}` on {} saves first); --fresh trains in a folder beside it", pid, host),
              ExitCode::data);
}

}  // namespace

RunLock::RunLock(Storage& storage, std::string run_folder, LockTiming timing, std::function<void(const std::string&)> say)
    : storage_(storage), folder_(std::move(run_folder)), timing_(timing), token_(make_uuid()) {
  storage_.make_directories(folder_);
  Watcher watcher;
  Seconds told = {0};
  while (true) {
    // Attempts before locks: a number is claimed after its lock is made, so whoever owns a number seen here is seen below too.
    const int claimed = newest_attempt(storage_, folder_);
    const int newest = newest_lock(storage_, folder_);
    if (newest > 0) {
      const std::optional<std::string> text = text_of(storage_, path(newest));
      if (!text) continue;  // given back since
      const Watcher::Verdict verdict = watcher.look(path(newest), *text, timing_.stale);
      if (verdict == Watcher::Verdict::alive) refuse(path(newest), *text);
      if (verdict == Watcher::Verdict::wait) {
        if (say && watcher.watched() >= told) {
          say(fmt::format("waiting for the owner of {} to show life ({}): {:.0f} s of {:.0f} s", folder_, describe(parse_owner(*text)),
                          watcher.watched().value, timing_.stale.value));
          told = watcher.watched() + timing_.tell;
        }
        std::this_thread::sleep_for(clock_ticks(timing_.look));
        continue;
      }
    }
    if (take(std::max(newest, claimed) + 1)) break;
  }
  remove_older();
  thread_ = std::thread([this] { beat(); });
}

RunLock::~RunLock() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  try {
    if (ours()) storage_.unlink(path(attempt_));
  } catch (const std::exception&) {
    // The file stays, as after a kill: the next one finds this process gone.
  }
}

int RunLock::advance() {
  check();
  const std::lock_guard lock(mutex_);  // no count goes to a file that is being replaced
  const int before = attempt_;
  if (!take(attempt_ + 1)) {
    attempt_ = before;
    check();
    throw Error(fmt::format("attempt {} is claimed already", before + 1), path(before + 1), "run the same line again", ExitCode::data);
  }
  remove_older();
  return attempt_;
}

std::string RunLock::path(int attempt) const { return fmt::format("{}/{}{:04}", folder_, lock_prefix, attempt); }

// False: somebody else was faster.
bool RunLock::take(int attempt) {
  const std::string temporary = folder_ + "/" + temporary_prefix + token_;
  const std::string text = lock_text(token_, attempt);
  forget(storage_, temporary);
  bool linked = false;
  try {
    file_ = storage_.create(temporary);
    storage_.append(file_, text);
    storage_.sync(file_);
    linked = link_file(file_, path(attempt));
  } catch (const Error&) {
    forget(storage_, temporary);
    throw;
  }
  forget(storage_, temporary);
  storage_.sync_directory(folder_);
  if (!linked) return false;
  attempt_ = attempt;
  counter_at_ = static_cast<std::int64_t>(text.rfind(counter_key) + std::string(counter_key).size());
  // A number that is spent: its lock was given back between our look and our link.
  if (!claim_attempt(storage_, folder_, attempt)) {
    forget(storage_, path(attempt));
    return false;
  }
  return ours();
}

// Locks that ours has succeeded, and files of takers that died or lost; one of the latter that is still trying begins again.
void RunLock::remove_older() const {
  for (const std::string& name : storage_.list(folder_)) {
    const std::optional<int> number = lock_number(name);
    if ((number && *number < attempt_) || name.rfind(temporary_prefix, 0) == 0) forget(storage_, folder_ + "/" + name);
  }
}

bool RunLock::ours() const {
  const double now = awake_or_asleep();
  const std::optional<std::string> text = text_of(storage_, path(attempt_));
  const std::optional<Owner> owner = text ? parse_owner(*text) : std::nullopt;
  if (!owner || owner->token != token_) return false;
  if (storage_.exists(path(attempt_ + 1)) || newest_attempt(storage_, folder_) > attempt_) return false;
  looked_ = now;
  return true;
}

void RunLock::check() const {
  if (ours()) return;
  const int newest = newest_lock(storage_, folder_);
  const std::optional<std::string> text = newest > 0 ? text_of(storage_, path(newest)) : std::nullopt;
  throw Error(fmt::format("attempt {} no longer owns this run: attempt {} has taken it{}", attempt_, newest_attempt(storage_, folder_),
                          text ? " (" + describe(parse_owner(*text)) + ")" : ""),
              path(attempt_), "this process was stopped or cut off for too long; it has changed nothing since, let the other one go on",
              ExitCode::data);
}

void RunLock::check_lately() const {
  // Nobody takes over before the counter has stood still for timing_.stale, so a look younger than half of that still holds.
  if (!has_name(file_) || awake_or_asleep() - looked_ > std::min(timing_.beat.value, timing_.stale.value / 2)) check();
}

void RunLock::beat() {
  std::unique_lock lock(mutex_);
  for (std::int64_t counter = 1;; ++counter) {
    if (changed_.wait_for(lock, clock_ticks(timing_.beat), [&] { return stop_; })) return;
    try {
      const std::string text = counter_text(counter);
      storage_.pwrite(file_, std::as_bytes(std::span(text)), counter_at_);
      storage_.sync(file_);
    } catch (const std::exception&) {
      // The next count may succeed; if none does, others see us gone, and check() will say so.
    }
  }
}

}  // namespace ergon
