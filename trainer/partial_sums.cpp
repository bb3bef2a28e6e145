// SPDX-License-Identifier: Apache-2.0
#include "trainer/partial_sums.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "trainer/kernels/pointwise.hpp"

namespace ergon {

PartialSums::PartialSums(const ParameterStore& store, const Communicators& groups)
    : tp_(*groups.tp), embedding_(*groups.embedding), units_(static_cast<std::size_t>(store.num_units())) {
  std::vector<std::vector<ParameterId>> over_tp(units_.size());
  std::vector<std::int64_t> elements(units_.size(), 0);
  for (std::size_t id = 0; id < store.specs().size(); ++id) {
    const ParameterSpec& spec = store.specs()[id];
    const auto unit = static_cast<std::size_t>(spec.unit);
    const auto parameter = static_cast<ParameterId>(id);
    if (spec.partial_over == PartialOver::embedding && embedding_.size() > 1 && !store.twins_meet_at_owners())
      units_[unit].over_embedding.push_back(store.gradient(parameter));
    if (spec.partial_over != PartialOver::tp || tp_.size() == 1) continue;
    over_tp[unit].push_back(parameter);
    elements[unit] += store.range(parameter).size();
  }
  memory_ = at::empty({*std::max_element(elements.begin(), elements.end())}, store.gradient(0).options());
  for (std::size_t unit = 0; unit < units_.size(); ++unit)
    if (!over_tp[unit].empty()) plan_message(units_[unit], over_tp[unit], store);
}

void PartialSums::plan_message(Unit& unit, const std::vector<ParameterId>& ids, const ParameterStore& store) {
  std::int64_t end = 0;
  for (const ParameterId id : ids) {
    const at::Tensor gradient = store.gradient(id);
    unit.over_tp.push_back({gradient, memory_.narrow(0, end, gradient.numel()).view(gradient.sizes())});
    end += gradient.numel();
  }
  unit.message = memory_.narrow(0, 0, end);
}

void PartialSums::sum(int index) {
  Unit& unit = units_.at(static_cast<std::size_t>(index));
  if (unit.message.defined()) {
    for (const Piece& piece : unit.over_tp) copy(piece.in_message, piece.gradient);
    tp_.all_reduce(unit.message).wait();
    for (const Piece& piece : unit.over_tp) copy(piece.gradient, piece.in_message);
  }
  for (const at::Tensor& gradient : unit.over_embedding) embedding_.all_reduce(gradient).wait();
}

}  // namespace ergon
