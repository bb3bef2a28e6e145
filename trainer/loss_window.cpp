// SPDX-License-Identifier: Apache-2.0
#include "trainer/loss_window.hpp"

#include <cmath>

namespace ergon {

bool LossWindow::leaps(double loss) const {
  if (spike_ == 0 || losses_.size() < steps_) return false;
  const auto count = static_cast<double>(losses_.size());
  double mean = 0, variance = 0;
  for (const double x : losses_) mean += x / count;
  for (const double x : losses_) variance += (x - mean) * (x - mean) / count;
  return loss - mean > spike_ * std::sqrt(variance);
}

void LossWindow::add(double loss) {
  if (spike_ == 0 || !std::isfinite(loss)) return;
  if (losses_.size() == steps_) losses_.erase(losses_.begin());
  losses_.push_back(loss);
}

void LossWindow::restore(std::vector<double> losses) {
  losses_.clear();
  for (const double loss : losses) add(loss);
}

}  // namespace ergon
