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

// True [T, T] where query (row) sees key (column).
at::Tensor visible_TT(std::int64_t length, std::int64_t window);

at::Tensor norm(const ModelShape& shape, const Parameters& parameters, const std::string& name, const at::Tensor& x_BTD);
at::Tensor rotate(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, double theta);
at::Tensor attention_core(const at::Tensor& q_BTHQ, const at::Tensor& k_BTKQ, const at::Tensor& v_BTKQ, std::int64_t window,
                          const at::Tensor& mask_BHTT);
at::Tensor attention(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD,
                     const at::Tensor& positions_BT, const at::Tensor& mask_BHTT);
at::Tensor mlp(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD);
at::Tensor block(const ModelShape& shape, const Parameters& parameters, int layer, const at::Tensor& x_BTD, const at::Tensor& positions_BT,
                 const LayerMasks& masks);
at::Tensor embedding(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                     const at::Tensor& mask_BTD);
at::Tensor logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& x_BTD);
// Sum over the labels that are not ignored.
at::Tensor loss_sum(const at::Tensor& logits_BTV, const at::Tensor& labels_BT);

at::Tensor model_logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                        const Masks& masks);

}  // namespace ergon::oracle
