// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/ingest.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "configs/error.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

constexpr std::int64_t text_in_memory = 32 << 20;  // bytes, or two units a worker where that is more
constexpr auto progress_interval = std::chrono::milliseconds(100);

Digest digest_of(const InputUnit& unit) {
  Sha256 hash;
  for (const UnitPiece& piece : unit.pieces) hash.add(fmt::format("{} {} {}\n", piece.file, piece.size, piece.first_line));
  hash.add(unit.text);
  return hash.digest();
}

SegmentCounts make_segment(const InputUnit& unit, const IngestTask& task, const Spool& spool, std::vector<std::int32_t>& ids) {
  const Digest input = digest_of(unit);
  if (const auto found = spool.find(unit.number, input)) return *found;
  SegmentCounts counts;
  Spool::Writer writer(spool, unit.number);
  const std::int64_t vocabulary = task.tokenizer.vocabulary();
  for_each_document(unit, task.files, task.documents, [&](Document& document) {
    if (document.text.empty()) {
      ++counts.empty_documents;
      return;
    }
    if (document.replaced_sequences > 0) {
      if (task.invalid_utf8 == InvalidUtf8::refuse)
        refuse_invalid(document, task.files, "--fresh --invalid-utf8 replace repairs it, drop leaves it out");
      counts.replaced_bytes += document.replaced_bytes;
      counts.replaced_sequences += document.replaced_sequences;
      if (task.invalid_utf8 == InvalidUtf8::drop) {
        ++counts.invalid_documents;
        return;
      }
      ++counts.repaired_documents;
    }
    ids.clear();
    task.tokenizer.encode(document.text, ids);
    for (std::int32_t id : ids) ERGON_CHECK(id >= 0 && id < vocabulary, "id {} of {}", id, vocabulary);
    Sha256 hash;
    hash.add(document.text);
    const Digest digest = hash.digest();
    SpoolDocument entry = {};
    std::copy_n(digest.begin(), entry.hash.size(), entry.hash.begin());
    entry.text_bytes = static_cast<std::uint32_t>(document.text.size());
    entry.file = static_cast<std::uint32_t>(document.file);
    entry.split = static_cast<std::uint32_t>(split_at(split_place(digest), task.splits));
    counts.tokens += std::ssize(ids) + 1;
    ++counts.documents;
    writer.add(ids, task.tokenizer.eod(), entry);
  });
  writer.finish(counts, input);
  return counts;
}

class Workers {
 public:
  Workers(const IngestTask& task, const Spool& spool, const ProgressSink& progress)
      : task_(task), spool_(spool), progress_(progress), room_(std::max(text_in_memory, 2 * task.threads * unit_bytes)) {
    for (int t = 0; t < task.threads; ++t) threads_.emplace_back([this] { work(); });
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (std::uncaught_exceptions() > 0) waiting_.clear();
    }
    wake_workers_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Takes the unit, once there is room, and leaves a spent one in its place; false when a worker has failed.
  bool give(InputUnit& unit) {
    std::unique_lock lock(mutex_);
    const std::int64_t bytes = std::ssize(unit.text);
    wait(lock, [&] { return failure_ || in_memory_ == 0 || in_memory_ + bytes <= room_; });
    if (failure_) return false;
    in_memory_ += bytes;
    counts_.resize(static_cast<std::size_t>(unit.number) + 1);
    waiting_.push_back(std::move(unit));
    unit = {};
    if (!spent_.empty()) {
      unit = std::move(spent_.back());
      spent_.pop_back();
    }
    wake_workers_.notify_one();
    return true;
  }

  std::vector<SegmentCounts> finish() {
    std::unique_lock lock(mutex_);
    wait(lock, [&] { return waiting_.empty() && working_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
    return std::move(counts_);
  }

 private:
  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    while (!wake_reader_.wait_for(lock, progress_interval, condition)) show(lock);
    show(lock);
  }

  void show(std::unique_lock<std::mutex>& lock) {
    if (!progress_) return;
    const ImportProgress now = {
        "import", {stored_done_}, {task_.files.reads_standard_input() ? 0 : task_.files.total_bytes()}, documents_done_, tokens_done_};
    lock.unlock();
    progress_(now);
    lock.lock();
  }

  void work() {
    std::vector<std::int32_t> ids;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_workers_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      InputUnit unit = std::move(waiting_.front());
      waiting_.pop_front();
      ++working_;
      lock.unlock();
      SegmentCounts counts;
      std::exception_ptr failure;
      try {
        counts = make_segment(unit, task_, spool_, ids);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (std::ssize(ids) > 4 * unit_bytes) ids = {};  // of one huge document
      settle(unit, counts, failure);
      wake_reader_.notify_one();
    }
  }

  // Units are taken in order, so the first of those that fail is among those at work when one does.
  void settle(InputUnit& unit, const SegmentCounts& counts, const std::exception_ptr& failure) {
    --working_;
    in_memory_ -= std::ssize(unit.text);
    counts_[static_cast<std::size_t>(unit.number)] = counts;
    stored_done_ += unit.stored_bytes;
    documents_done_ += counts.documents;
    tokens_done_ += counts.tokens;
    if (failure && (!failure_ || unit.number < failed_unit_)) {
      failure_ = failure;
      failed_unit_ = unit.number;
      waiting_.clear();
    }
    // A unit that held one huge document is not kept.
    if (unit.text.capacity() <= 4 * static_cast<std::size_t>(unit_bytes)) spent_.push_back(std::move(unit));
  }

  const IngestTask& task_;
  const Spool& spool_;
  const ProgressSink& progress_;
  const std::int64_t room_;
  std::mutex mutex_;
  std::condition_variable wake_workers_, wake_reader_;
  std::deque<InputUnit> waiting_;
  std::vector<InputUnit> spent_;
  std::vector<SegmentCounts> counts_;  // by unit
  std::int64_t in_memory_ = 0, working_ = 0, stored_done_ = 0, documents_done_ = 0, tokens_done_ = 0;
  bool closed_ = false;
  std::exception_ptr failure_;
  std::int64_t failed_unit_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

std::vector<SegmentCounts> ingest(UnitReader& reader, const IngestTask& task, const Spool& spool, const ProgressSink& progress) {
  Workers workers(task, spool, progress);
  try {
    InputUnit unit;
    while (reader.next(unit) && workers.give(unit)) continue;
  } catch (const Error&) {
    workers.finish();  // what was read before is made, and its Error comes first
    throw;
  }
  return workers.finish();
}

}  // namespace ergon
