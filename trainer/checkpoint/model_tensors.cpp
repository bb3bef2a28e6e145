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
  const bool owned = store.stage() != ZeroStage::none;

  struct Kind {
    const char* prefix;
    const at::Tensor* moment;  // null: the masters
  };
  std::vector<CheckpointTensor> tensors;
  for (const Kind& kind : {Kind{"parameters/", nullptr}, Kind{"first_moment/", &first_moment}, Kind{"second_moment/", &second_moment}}) {
    ERGON_CHECK(!kind.moment || kind.moment->numel() == store.owned_elements(), "{}: the moments are not laid out as the masters",
                kind.prefix);
    for (const OwnedPiece& piece : store.pieces()) {
      const auto id = static_cast<std::size_t>(piece.id);
      const ParameterSpec& spec = store.specs()[id];
      // The padding rows come last, so the real elements are the first ones.
      const ElementRange range{piece.run.of_tensor.begin, std::min(piece.run.of_tensor.end, num_elements(spec.box.extent))};
      if (range.size() <= 0) continue;
      const at::Tensor mine =
          kind.moment ? kind.moment->narrow(0, piece.run.in_shard.begin, range.size()) : piece.master.narrow(0, 0, range.size());
      const bool writes = spec.counts_here && (owned || writers[id] == dp_rank);
      tensors.push_back({kind.prefix + spec.name, spec.global_shape, {spec.box, range}, mine, writes});
    }
  }
  return tensors;
}

}  // namespace ergon
