// SPDX-License-Identifier: Apache-2.0
#include "parallel/deadline.hpp"

#include <future>

#include "configs/clock.hpp"

namespace ergon {

Deadline::Deadline(Seconds limit, std::function<void()> late) {
  thread_ = std::thread([this, limit, late = std::move(late)] {
    std::unique_lock lock(mutex_);
    const bool in_time = changed_.wait_for(lock, clock_ticks(limit), [&] { return over_; });
    lock.unlock();
    if (!in_time) late();
  });
}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void run_within(Seconds patience, std::function<void()> call) {
  std::packaged_task<void()> task(std::move(call));
  const std::future<void> done = task.get_future();
  std::thread(std::move(task)).detach();
  done.wait_for(clock_ticks(patience));
}

}  // namespace ergon
