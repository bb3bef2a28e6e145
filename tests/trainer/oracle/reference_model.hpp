// SPDX-License-Identifier: Apache-2.0
// The oracle: the decoder transformer as plain ATen operations in fp64 on one rank, differentiated by ATen's autograd. Written from the
// semantics of trainer/model/README.md, not from the layers: it shares with them the logical names and nothing else. Dropout masks are
// given (0 or 1 / (1 - p)), undefined for none.
//
// Letters as in configs/model_shape.hpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "configs/model_shape.hpp"

namespace ergon::oracle {

using Parameters = std::map<std::string, at::Tensor>;  // logical name -> global fp64 tensor

struct LayerMasks {
  at::Tensor attention_BHTT;
  at::Tensor attention_residual_BTD, mlp_residual_BTD;
};

struct Masks {
  at::Tensor embedding_BTD;
  std::vector<LayerMasks> layers;
};

// What a run in bfloat16 keeps rounded: with bfloat16 = true these round values (and kept also their gradients) to nearest even, in an
// otherwise exact fp64 computation. The error of that is what the least possible number of roundings costs.
struct Storage {
  bool bfloat16 = false;
  at::Tensor kept(const at::Tensor& x) const;
  at::Tensor kept_forward(const at::Tensor& x) const;   // its gradient is kept in fp32
  at::Tensor kept_gradient(const at::Tensor& x) const;  // its value is not kept
};

// True [T, T] where query (row) sees key (column).
at::Tensor visible_TT(std::int64_t length, std::int64_t window);

at::Tensor norm(const ModelShape& shape, const Parameters& parameters, const std::string& name, const at::Tensor& x_BTD,
                const Storage& storage = {});
at::Tensor rotate(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, double theta);
at::Tensor attention_core(const at::Tensor& q_BTHQ, const at::Tensor& k_BTKQ, const at::Tensor& v_BTKQ, std::int64_t window,
                          const at::Tensor& mask_BHTT);
at::Tensor attention(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD,
                     const at::Tensor& positions_BT, const at::Tensor& mask_BHTT, const Storage& storage = {});
at::Tensor mlp(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD,
               const Storage& storage = {});
at::Tensor block(const ModelShape& shape, const Parameters& parameters, int layer, const at::Tensor& x_BTD, const at::Tensor& positions_BT,
                 const LayerMasks& masks, const Storage& storage = {});
at::Tensor embedding(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                     const at::Tensor& mask_BTD, const Storage& storage = {});
at::Tensor logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& x_BTD, const Storage& storage = {});
// Sum over the labels that are not ignored.
at::Tensor loss_sum(const at::Tensor& logits_BTV, const at::Tensor& labels_BT);

at::Tensor model_logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                        const Masks& masks, const Storage& storage = {});

}  // namespace ergon::oracle
