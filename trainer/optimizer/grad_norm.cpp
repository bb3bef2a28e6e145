// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/grad_norm.hpp"

#include <cmath>

#include "trainer/kernels/pointwise.hpp"

namespace ergon {

double squared_gradient_norm(const ParameterStore& store) {
  double sum = 0.0;
  for (const OwnedPiece& piece : store.pieces())
    if (piece.counted.defined()) sum += squared_sum(piece.counted);
  return sum;
}

double clip_scale(double norm, double clip) { return clip > 0.0 && std::isfinite(norm) && norm > clip ? clip / norm : 1.0; }

}  // namespace ergon
