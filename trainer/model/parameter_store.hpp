// SPDX-License-Identifier: Apache-2.0
// Owns all parameters and gradients of a rank in flat buffers of one layout, unit after unit, and hands out views. Masters and gradients
// are in the accumulator type (trainer/kernels/precision.hpp). The weights, which layers compute with, are the masters themselves, or in a
// bfloat16 store their copy rounded to nearest even: whoever changes masters rounds them (adamw_update in its own pass, else
// round_masters). A unit is what backward
// finishes at once and what is reduced, gathered and freed together: the embedding, one layer, the head. Layers hold ParameterIds, never
// tensors.
//
// Invariants: a unit is contiguous and starts 64-byte aligned; parameters declared one after another with `pack` follow each other without
// a gap, so that a packed view (query, key and value rows; gate and up rows) is one matrix for one GEMM. Padding elements stay zero in
// parameters and gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/model/parameter.hpp"
#include "trainer/tensor_headers.hpp"

namespace ergon {

class ParameterStore {
 public:
  // Specs in unit order. `packs` lists runs of consecutive ids that must follow each other without a gap.
  ParameterStore(std::vector<ParameterSpec> specs, std::vector<std::vector<ParameterId>> packs, at::ScalarType dtype, at::Device device,
                 int num_units);

  int num_units() const { return static_cast<int>(units_.size()); }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  at::ScalarType dtype() const { return flat_weights_.scalar_type(); }  // of weights and activations
  at::Device device() const { return parameters_.device(); }
  at::ScalarType accumulator() const { return parameters_.scalar_type(); }  // of masters and gradients

  // acquire gives a unit's weights for use until release; with all parameters resident both cost nothing.
  void acquire(int unit);
  void release(int unit);

  at::Tensor weight(ParameterId id) const { return weights_[id]; }  // local_shape
  at::Tensor master(ParameterId id) const { return masters_[id]; }
  at::Tensor gradient(ParameterId id) const { return gradients_of_[id]; }
  at::Tensor real_gradient(ParameterId id) const { return real_gradients_[id]; }  // flat, without padding
  // Consecutive parameters of one pack as one [sum of rows, columns] (or [sum]) view.
  at::Tensor packed_weight(ParameterId first, ParameterId last) const;
  at::Tensor packed_gradient(ParameterId first, ParameterId last) const;

  void round_masters();

  const at::Tensor& flat_parameters() const { return parameters_; }  // the masters
  const at::Tensor& flat_weights() const { return flat_weights_; }   // the same tensor unless the store is bfloat16
  const at::Tensor& flat_gradients() const { return gradients_; }
  ElementRange range(ParameterId id) const { return ranges_[id]; }  // in the flat buffers
  const std::vector<ElementRange>& unit_ranges() const { return units_; }

 private:
  at::Tensor packed(const at::Tensor& flat, ParameterId first, ParameterId last) const;

  std::vector<ParameterSpec> specs_;
  std::vector<ElementRange> ranges_, units_;
  at::Tensor parameters_, flat_weights_, gradients_;
  std::vector<at::Tensor> weights_, masters_, gradients_of_, real_gradients_;
  mutable TensorHeaders headers_;  // of packed views
};

}  // namespace ergon
