// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/embedding.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("the shards of a vocabulary of 5 on two ranks sum to the embedding and its gradient") {
  // Padded to 4 rows a rank: rank 0 holds tokens 0..3, rank 1 token 4 and three rows of padding.
  const at::Tensor table = normals({5, 40}, 1), tokens = at::tensor({4, 0, 3, 0, 2, 4}, at::kLong), dy = normals({6, 40}, 2);
  const at::Tensor full = leaf(table);
  const at::Tensor expected = at::embedding(full, tokens);
  expected.backward(dy);
  const at::Tensor first = table.narrow(0, 0, 4).contiguous(), second = at::full({4, 40}, 1e9, at::kDouble);
  second.narrow(0, 0, 1).copy_(table.narrow(0, 4, 1));
  const at::Tensor y0 = garbage({6, 40}), y1 = garbage({6, 40}), d0 = garbage({4, 40}), d1 = garbage({4, 40});
  embedding_forward(y0, tokens, first, 0, 4);
  embedding_forward(y1, tokens, second, 4, 1);
  CHECK(max_abs(y0 + y1, expected) == 0.0);
  embedding_backward(d0, dy, tokens, 0, 4, Write::overwrite);
  embedding_backward(d1, dy, tokens, 4, 1, Write::overwrite);
  CHECK(max_abs(d0, full.grad().narrow(0, 0, 4)) <= 1e-14);
  CHECK(max_abs(d1.narrow(0, 0, 1), full.grad().narrow(0, 4, 1)) <= 1e-14);
  CHECK(d1.narrow(0, 1, 3).abs().max().item<double>() == 0.0);
  embedding_backward(d0, dy, tokens, 0, 4, Write::accumulate);
  CHECK(max_abs(d0, 2 * full.grad().narrow(0, 0, 4)) <= 1e-14);
}

TEST_CASE("learned positions are added, and their gradient is summed") {
  const at::Tensor table = normals({7, 10}, 1), positions = at::tensor({6, 0, 1, 6}, at::kLong), x = normals({4, 10}, 2),
                   dy = normals({4, 10}, 3);
  const at::Tensor full = leaf(table), y = x.clone(), d = garbage({7, 10});
  const at::Tensor expected = x + at::embedding(full, positions);
  expected.backward(dy);
  positions_add(y, positions, table);
  positions_backward(d, dy, positions, Write::overwrite);
  CHECK(max_abs(y, expected) == 0.0);
  CHECK(max_abs(d, full.grad()) <= 1e-14);
  CHECK_THROWS_AS(positions_add(y, at::tensor({6, 0, 1, 7}, at::kLong), table), Bug);
}

TEST_CASE("scattered gradients have the same bits on one thread and on two") {
  const int threads = at::get_num_threads();
  const at::Tensor tokens = at::full({3000}, 1, at::kLong), dy = normals({3000, 100}, 4, at::kFloat);
  const at::Tensor one = garbage({2, 100}, at::kFloat), two = garbage({2, 100}, at::kFloat);
  at::set_num_threads(1);
  embedding_backward(one, dy, tokens, 0, 2, Write::overwrite);
  at::set_num_threads(2);
  embedding_backward(two, dy, tokens, 0, 2, Write::overwrite);
  at::set_num_threads(threads);
  CHECK(at::equal(one, two));
}
