// SPDX-License-Identifier: Apache-2.0
// One microbatch of one rank. Labels are shifted before any sharding: labels[b, t] is the token that follows tokens[b, t].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "parallel/plan/context_blocks.hpp"

namespace ergon {

inline constexpr std::int64_t ignored_label = -1;

// What keeps the documents of a microbatch apart; empty where attention and positions run on over them.
struct DocumentMasks {
  at::Tensor positions_BT;                                  // int64, within the document; undefined: those within the sample
  std::shared_ptr<const std::vector<AttentionRule>> rules;  // of attention, by sample; null: the model's own for all
};

struct Batch {
  at::Tensor tokens_BT;     // int64
  at::Tensor labels_BT;     // int64; ignored_label where the loss does not look: they are the mask of the loss
  at::Tensor positions_BT;  // int64, within the sample
  DocumentMasks documents;
  std::int64_t valid_tokens = 0;  // labels that count, in this microbatch
  std::int64_t first_sample =
      0;  // index within the step of sample 0: microbatches of all dp ranks number the samples of a step from 0 to batch-1
};

// What the model reads of a batch, on `device`: the same tensors where they are there already. The other fields stay on the host. The copy
// takes its place among what the device computes; the host goes on once it has been read.
Batch to_device(const Batch& batch, at::Device device);

}  // namespace ergon
