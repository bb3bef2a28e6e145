// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "configs/error.hpp"

namespace ergon {

double learning_rate(const OptimizerSection& optimizer, std::int64_t total_steps, std::int64_t step) {
  ERGON_CHECK(step >= 1, "steps count from 1, not from {}", step);
  const double lr = optimizer.lr, minimum = optimizer.minimum_lr;
  const auto t = static_cast<double>(step);
  if (step <= optimizer.warmup) return lr * t / static_cast<double>(optimizer.warmup);

  const auto progress = [&](std::int64_t begin, std::int64_t end) {
    return end <= begin ? 1.0 : std::clamp((t - static_cast<double>(begin)) / static_cast<double>(end - begin), 0.0, 1.0);
  };
  const std::int64_t decay_end = optimizer.decay_steps > 0 ? optimizer.decay_steps : total_steps;
  switch (optimizer.schedule) {
    case LrSchedule::cosine:
      return minimum + (lr - minimum) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress(optimizer.warmup, decay_end)));
    case LrSchedule::linear:
      return lr + (minimum - lr) * progress(optimizer.warmup, decay_end);
    case LrSchedule::constant:
      return lr;
    case LrSchedule::wsd: {
      const std::int64_t decay = optimizer.decay_steps > 0 ? optimizer.decay_steps : total_steps / 10;
      const std::int64_t begin = std::max(optimizer.warmup, total_steps - decay);
      return step <= begin ? lr : lr + (minimum - lr) * progress(begin, total_steps);
    }
  }
  throw_bug(__FILE__, __LINE__, "schedule", "unknown schedule");
}

}  // namespace ergon
