// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/model_tensors.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

std::vector<int> assign_writers(const std::vector<std::int64_t>& bytes, int ranks) {
  ERGON_CHECK(ranks >= 1, "writers among {} ranks", ranks);
  std::vector<std::int64_t> load(static_cast<std::size_t>(ranks), 0);
  std::vector<int> writers;
  for (const std::int64_t item : bytes) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += item;
    writers.push_back(static_cast<int>(least - load.begin()));
  }
  return writers;
}

std::vector<CheckpointTensor> model_tensors(const ParameterStore& store, const at::Tensor& first_moment, const at::Tensor& second_moment,
                                            int dp, int dp_rank) {
  std::vector<std::int64_t> bytes;
  for (const ParameterSpec& spec : store.specs()) bytes.push_back(spec.counts_here ? num_elements(spec.box.extent) : 0);
  const std::vector<int> writers = assign_writers(bytes, dp);

  struct Kind {
    const char* prefix;
    const at::Tensor& flat;
  };
  std::vector<CheckpointTensor> tensors;
  for (const Kind& kind :
       {Kind{"parameters/", store.flat_parameters()}, Kind{"first_moment/", first_moment}, Kind{"second_moment/", second_moment}}) {
    ERGON_CHECK(kind.flat.sizes() == store.flat_parameters().sizes(), "{}: the flat tensor is not laid out as the parameters", kind.prefix);
    for (std::size_t i = 0; i < store.specs().size(); ++i) {
      const ParameterSpec& spec = store.specs()[i];
      // The padding rows come last, so the real elements are the first ones.
      const std::int64_t begin = store.range(static_cast<ParameterId>(i)).begin;
      at::Tensor data = kind.flat.narrow(0, begin, num_elements(spec.box.extent));
      const bool writes = spec.counts_here && writers[i] == dp_rank;
      tensors.push_back({kind.prefix + spec.name, spec.global_shape, whole_piece(spec.box), std::move(data), writes});
    }
  }
  return tensors;
}

}  // namespace ergon
