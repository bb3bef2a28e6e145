// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/init.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/fill.h>

#include "trainer/kernels/init.hpp"
#include "trainer/kernels/pointwise.hpp"

namespace ergon {

void initialize_parameters(ParameterStore& store, std::int64_t seed) {
  for (ParameterId id = 0; id < static_cast<ParameterId>(store.specs().size()); ++id) {
    const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(id)];
    const at::Tensor weight = store.whole_masters()
                                  ? store.master(id)
                                  : at::empty(spec.local_shape, at::TensorOptions().dtype(store.accumulator()).device(store.device()));
    weight.fill_(spec.init == Init::ones ? 1.0 : 0.0);
    if (spec.init == Init::normal) fill_normal(weight, spec.name, spec.global_shape, spec.box, spec.init_std, seed);
    if (store.whole_masters()) continue;
    for (const OwnedPiece& piece : store.pieces())
      if (piece.id == id) piece.master.copy_(weight.view({-1}).narrow(0, piece.run.of_tensor.begin, piece.run.of_tensor.size()));
    if (store.stage() == ZeroStage::optimizer) copy(store.weight(id), weight);  // what the other owners round is no secret: no gather
  }
  store.round_masters();
}

}  // namespace ergon
