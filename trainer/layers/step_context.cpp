// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/step_context.hpp"

namespace ergon {

Dropout dropout_of(const LayerCall& call, const ModelShape& shape, std::int64_t layer, DropoutSite site) {
  return {.p = call.step.training ? shape.dropout : 0.0,
          .seed = call.step.seed,
          .step = call.step.step,
          .layer = layer,
          .site = site,
          .first_sample = call.step.first_sample,
          .sequence = shape.sequence};
}

Work sum_over_tp(const LayerCall& call, const at::Tensor& data) {
  return call.step.tp.size() == 1 ? Work() : call.step.tp.all_reduce(data);
}

}  // namespace ergon
