// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/init.hpp"

#include <ATen/ops/fill.h>

#include "trainer/kernels/init.hpp"

namespace ergon {

void initialize_parameters(ParameterStore& store, std::int64_t seed) {
  for (ParameterId id = 0; id < static_cast<ParameterId>(store.specs().size()); ++id) {
    const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(id)];
    const at::Tensor weight = store.master(id);
    weight.fill_(spec.init == Init::ones ? 1.0 : 0.0);
    if (spec.init == Init::normal) fill_normal(weight, spec.name, spec.global_shape, spec.box, spec.init_std, seed);
  }
  store.round_masters();
}

}  // namespace ergon
