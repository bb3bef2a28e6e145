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
    // Padding rows follow the real ones, so the real elements are the first.
    sum += squared_sum(store.gradient(static_cast<ParameterId>(id)).view({-1}).narrow(0, 0, num_elements(specs[id].box.extent)));
  }
  return sum;
}

double clip_scale(double norm, double clip) { return clip > 0.0 && std::isfinite(norm) && norm > clip ? clip / norm : 1.0; }

}  // namespace ergon
