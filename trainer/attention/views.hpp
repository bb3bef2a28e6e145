// SPDX-License-Identifier: Apache-2.0
// Tensors of attention as pointers with strides, checked once a call.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "configs/error.hpp"
#include "parallel/local_attention.hpp"

namespace ergon {

// x[B, T, H, Q] with the last dim contiguous.
template <class T>
struct HeadView {
  T* data;
  std::int64_t sample, row, head;  // strides
  T* at(std::int64_t b, std::int64_t t, std::int64_t h) const { return data + b * sample + t * row + h * head; }
};

// x[B, H, T]
template <class T>
struct RowView {
  T* data;
  std::int64_t sample, head, row;  // strides
  T& at(std::int64_t b, std::int64_t h, std::int64_t t) const { return data[b * sample + h * head + t * row]; }
};

struct AttentionSizes {
  std::int64_t batch, queries, keys, heads, kv_heads, width;  // B, T, S, H, K, Q
  std::int64_t group() const { return heads / kv_heads; }
};

template <class T>
HeadView<T> head_view(const at::Tensor& x, std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t width) {
  ERGON_CHECK(x.dim() == 4 && x.size(0) == batch && x.size(1) == rows && x.size(2) == heads && x.size(3) == width &&
                  (x.stride(3) == 1 || width == 1),
              "attention wants [{}, {}, {}, {}] with a contiguous last dim, got {} (strides {})", batch, rows, heads, width,
              c10::str(x.sizes()), c10::str(x.strides()));
  return {x.data_ptr<T>(), x.stride(0), x.stride(1), x.stride(2)};
}

template <class T>
RowView<T> row_view(const at::Tensor& x, const AttentionSizes& n) {
  ERGON_CHECK(x.dim() == 3 && x.size(0) == n.batch && x.size(1) == n.heads && x.size(2) == n.queries,
              "attention wants [{}, {}, {}], got {}", n.batch, n.heads, n.queries, c10::str(x.sizes()));
  return {x.data_ptr<T>(), x.stride(0), x.stride(1), x.stride(2)};
}

inline AttentionSizes attention_sizes(const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const BlockMask& mask) {
  ERGON_CHECK(q_BTHQ.dim() == 4 && k_BSKQ.dim() == 4, "attention of {} and {}", c10::str(q_BTHQ.sizes()), c10::str(k_BSKQ.sizes()));
  const AttentionSizes n{q_BTHQ.size(0), q_BTHQ.size(1), k_BSKQ.size(1), q_BTHQ.size(2), k_BSKQ.size(2), q_BTHQ.size(3)};
  ERGON_CHECK(n.queries == mask.num_queries() && n.keys == mask.num_keys(), "{} queries and {} keys under a mask of {} and {}", n.queries,
              n.keys, mask.num_queries(), mask.num_keys());
  ERGON_CHECK(n.kv_heads > 0 && n.heads % n.kv_heads == 0, "{} query heads on {} key heads", n.heads, n.kv_heads);
  return n;
}

}  // namespace ergon
