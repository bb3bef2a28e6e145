// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/background_save.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/thread_priority.hpp"

namespace ergon {

struct BackgroundSave::Shared {
  enum class Stage { idle, copying, writing, written, retaining };

  // Runs `work` on the thread; it ends in stage `after`.
  template <typename Work>
  void run(const std::shared_ptr<Shared>& self, Stage stage_, Stage after, Work work) {
    if (thread.joinable()) thread.join();
    stage = stage_;
    since = Clock::now();
    thread = std::thread([self, after, work = std::move(work)]() mutable {
      std::exception_ptr bug;
      try {
        work(*self);
      } catch (...) {
        bug = std::current_exception();
      }
      self->enter(after, bug);
    });
  }
  void enter(Stage next, std::exception_ptr bug_ = nullptr) {
    {
      const std::lock_guard lock(mutex);
      stage = next;
      if (bug_) bug = bug_;
    }
    changed.notify_all();
  }
  Stage now() const {
    const std::lock_guard lock(mutex);
    return stage;
  }
  [[noreturn]] void give_up() {
    stuck = true;
    throw Error(fmt::format("the save of step {} has been under way for {:.0f} s and does not end", step, ergon::since(since).value),
                "watchdog.checkpoint", "the disk of run.folder does not answer; the run resumes from the checkpoint before it",
                ExitCode::stuck);
  }
  // Until `holds`; what the thread could not turn into a result is thrown here.
  template <typename Holds>
  void wait(Holds holds) {
    std::unique_lock lock(mutex);
    if (!changed.wait_until(lock, since + clock_ticks(limit), [&] { return holds(stage); })) give_up();
    if (bug) std::rethrow_exception(std::exchange(bug, nullptr));
  }

  std::shared_ptr<CheckpointSaver> saver;
  Seconds limit;
  mutable std::mutex mutex;
  std::condition_variable changed;
  Stage stage = Stage::idle;
  std::exception_ptr bug;
  Clock::time_point since;
  std::int64_t step = 0;
  BackgroundSeconds seconds;
  std::vector<std::string> messages;
  std::optional<LostSave> lost;
  std::thread thread;
  bool stuck = false;
};

BackgroundSave::BackgroundSave(std::shared_ptr<CheckpointSaver> saver, Seconds limit) : shared_(std::make_shared<Shared>()) {
  shared_->saver = std::move(saver);
  shared_->limit = limit;
}

BackgroundSave::~BackgroundSave() {
  if (!shared_->thread.joinable()) return;
  if (shared_->stuck)
    shared_->thread.detach();  // in a call of the system that may never return
  else
    shared_->thread.join();
}

void BackgroundSave::start(std::vector<CheckpointTensor> tensors, RunState state) {
  wait_idle();
  ERGON_CHECK(shared_->stage == Shared::Stage::idle, "a save begins while that of step {} waits for its commit", shared_->step);
  shared_->step = state.step;
  shared_->run(shared_, Shared::Stage::copying, Shared::Stage::written,
               [tensors = std::move(tensors), state = std::move(state)](Shared& shared) mutable {
                 const Clock::time_point start = Clock::now();
                 shared.saver->snapshot(tensors, std::move(state), SnapshotMode::copy);
                 const Clock::time_point copied = Clock::now();
                 tensors.clear();
                 yield_to_computing();  // the copy, which an update may wait for, had its full share
                 shared.enter(Shared::Stage::writing);
                 shared.saver->write();
                 shared.seconds = {ergon::since(start, copied), ergon::since(copied)};
               });
}

bool BackgroundSave::in_flight() const {
  const Shared::Stage stage = shared_->now();
  return stage != Shared::Stage::idle && stage != Shared::Stage::retaining;
}

std::int64_t BackgroundSave::step() const { return shared_->step; }

void BackgroundSave::wait_copied() {
  shared_->wait([](Shared::Stage stage) { return stage != Shared::Stage::copying; });
}

bool BackgroundSave::writing() const {
  const Shared::Stage stage = shared_->now();
  return stage == Shared::Stage::copying || stage == Shared::Stage::writing;
}

void BackgroundSave::check() const {
  const Shared::Stage stage = shared_->now();
  const bool busy = stage != Shared::Stage::idle && stage != Shared::Stage::written;
  if (busy && since(shared_->since) > shared_->limit) shared_->give_up();
}

SaveResult BackgroundSave::commit(Communicator& control) {
  wait_idle();
  ERGON_CHECK(shared_->stage == Shared::Stage::written, "commit() without start()");
  SaveResult result = shared_->saver->commit(control);
  shared_->enter(Shared::Stage::idle);
  if (!result.error && control.rank() == 0)
    shared_->run(shared_, Shared::Stage::retaining, Shared::Stage::idle, [](Shared& shared) {
      yield_to_computing();
      const Retained retained = shared.saver->retain();
      const std::lock_guard lock(shared.mutex);
      shared.messages.insert(shared.messages.end(), retained.messages.begin(), retained.messages.end());
      if (!retained.damaged.empty()) shared.lost = LostSave{shared.step, retained.why};
    });
  return result;
}

void BackgroundSave::discard() {
  wait_idle();
  if (!in_flight()) return;
  shared_->saver->discard();
  shared_->enter(Shared::Stage::idle);
}

BackgroundSeconds BackgroundSave::seconds() const { return shared_->seconds; }

void BackgroundSave::wait_idle() {
  shared_->wait([](Shared::Stage stage) { return stage == Shared::Stage::idle || stage == Shared::Stage::written; });
}

std::vector<std::string> BackgroundSave::take_messages() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->messages, {});
}

std::optional<LostSave> BackgroundSave::take_lost() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->lost, std::nullopt);
}

}  // namespace ergon
