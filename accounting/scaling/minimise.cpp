// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/minimise.hpp"

#include <nlopt.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct Search {
  const Objective& objective;
  nlopt_opt handle;
  Minimum best;
  std::exception_ptr failure;
};

// Through C frames no exception may pass.
double call(unsigned size, const double* x, double* gradient, void* data) {
  Search& search = *static_cast<Search*>(data);
  double value = std::numeric_limits<double>::quiet_NaN();
  try {
    value = search.objective(x, gradient);
  } catch (...) {
    search.failure = std::current_exception();
  }
  ++search.best.evaluations;
  if (!std::isfinite(value)) {
    nlopt_force_stop(search.handle);
    return HUGE_VAL;
  }
  if (search.best.x.empty() || value < search.best.value) {
    search.best.x.assign(x, x + size);
    search.best.value = value;
  }
  return value;
}

double free_gradient(const Minimum& at, const Objective& objective, const Box& box) {
  std::vector<double> gradient(at.x.size());
  objective(at.x.data(), gradient.data());
  double largest = 0;
  for (std::size_t i = 0; i < at.x.size(); ++i) {
    const bool pressed = (at.x[i] <= box.low[i] && gradient[i] > 0) || (at.x[i] >= box.high[i] && gradient[i] < 0);
    if (!pressed) largest = std::max(largest, std::abs(gradient[i]));
  }
  return largest;
}

}  // namespace

Minimum minimise(Optimizer optimizer, const Objective& objective, std::vector<double> start, const Box& box, double first_step) {
  // Five variables take L-BFGS a few hundred; what goes on creeps along a wall, or down a valley that has no end.
  const int most_evaluations = optimizer == Optimizer::lbfgs ? 2000 : 20000;
  const auto size = static_cast<unsigned>(start.size());
  ERGON_CHECK(box.low.size() == size && box.high.size() == size, "a box of {} for {} variables", box.low.size(), size);
  for (unsigned i = 0; i < size; ++i) start[i] = std::clamp(start[i], box.low[i], box.high[i]);
  const std::unique_ptr<nlopt_opt_s, void (*)(nlopt_opt)> handle(
      nlopt_create(optimizer == Optimizer::lbfgs ? NLOPT_LD_LBFGS : NLOPT_LN_BOBYQA, size), nlopt_destroy);
  ERGON_CHECK(handle != nullptr, "NLopt without the optimiser");
  Search search{objective, handle.get(), {}, nullptr};
  nlopt_set_lower_bounds(handle.get(), box.low.data());
  nlopt_set_upper_bounds(handle.get(), box.high.data());
  nlopt_set_min_objective(handle.get(), call, &search);
  nlopt_set_ftol_rel(handle.get(), 1e-14);
  nlopt_set_xtol_rel(handle.get(), 1e-12);
  nlopt_set_maxeval(handle.get(), most_evaluations);
  if (first_step > 0) nlopt_set_initial_step1(handle.get(), first_step);
  double value = 0;
  const nlopt_result result = nlopt_optimize(handle.get(), start.data(), &value);
  if (search.failure) std::rethrow_exception(search.failure);
  ERGON_CHECK(!search.best.x.empty(), "NLopt ended with {} before a finite value", static_cast<int>(result));
  // Whatever NLopt calls the end (it reports a failure where rounding stops it), the gradient there says what it is worth.
  search.best.gradient = free_gradient(search.best, objective, box);
  return search.best;
}

}  // namespace ergon
