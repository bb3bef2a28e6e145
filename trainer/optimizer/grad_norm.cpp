// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/grad_norm.hpp"

#include <cmath>

#include "trainer/kernels/pointwise.hpp"

namespace ergon {

double squared_gradient_norm(const ParameterStore& store) {
  double sum = 0.0;
  const auto& specs = store.specs();
  for (std::size_t id = 0; id < specs.size(); ++id) {
    if (!specs[id].counts_here) continue;
    sum += squared_sum(store.real_gradient(static_cast<ParameterId>(id)));
  }
  return sum;
}

double clip_scale(double norm, double clip) { return clip > 0.0 && std::isfinite(norm) && norm > clip ? clip / norm : 1.0; }

}  // namespace ergon
