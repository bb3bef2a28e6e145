// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/batch.hpp"

namespace ergon {

Batch to_device(const Batch& batch, at::Device device) {
  Batch moved = batch;
  for (at::Tensor* tensor : {&moved.tokens_BT, &moved.labels_BT, &moved.positions_BT, &moved.documents.positions_BT})
    if (tensor->defined()) *tensor = tensor->to(tensor->options().device(device), /*non_blocking=*/true);
  return moved;
}

}  // namespace ergon
