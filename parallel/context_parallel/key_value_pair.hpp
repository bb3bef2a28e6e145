// SPDX-License-Identifier: Apache-2.0
// Keys and values of the same rows in one tensor, so that one message carries both: [2 B, S, K, Q], the keys in the first B of dim 0. B
// batch, S rows, K key/value heads, Q head width.
#pragma once

#include "parallel/context_parallel/views.hpp"

namespace ergon {

// Room for a pair as large as `k_BSKQ` and values of its sizes.
inline at::Tensor take_pair(TensorMemory& memory, const at::Tensor& k_BSKQ, at::ScalarType dtype) {
  return memory.take({2 * k_BSKQ.size(0), k_BSKQ.size(1), k_BSKQ.size(2), k_BSKQ.size(3)}, dtype);
}

inline at::Tensor keys_of(const Views& views, const at::Tensor& pair) { return views.narrow(pair, 0, 0, pair.size(0) / 2); }
inline at::Tensor values_of(const Views& views, const at::Tensor& pair) {
  return views.narrow(pair, 0, pair.size(0) / 2, pair.size(0) / 2);
}

}  // namespace ergon
