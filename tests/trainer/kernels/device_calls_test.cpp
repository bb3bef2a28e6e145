// SPDX-License-Identifier: Apache-2.0
// What a call hands to its kernel is tested kernel by kernel in cuda/; here, that it refuses tensors that do not fit.
#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "trainer/kernels/device.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("device calls refuse tensors of another size, type or layout") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor x = at::zeros({4, 6}), row = at::zeros({6}), none, tokens = at::zeros({4}, at::kLong), fours = at::zeros({4});
  CHECK_THROWS_AS(device.gelu_forward(x, x, at::zeros({5})), Bug);
  CHECK_THROWS_AS(device.gelu_forward(at::zeros({6, 4}).t(), x, none), Bug);
  CHECK_THROWS_AS(device.gelu_forward(at::zeros({4, 6}, at::kDouble), x, none), Bug);
  CHECK_THROWS_AS(device.norm_forward(x, none, fours, x, at::zeros({7}), none, 1e-5), Bug);
  CHECK_THROWS_AS(device.norm_forward(x, none, row, x, row, none, 1e-5), Bug);
  CHECK_THROWS_AS(device.column_sum(at::zeros({5}), x, Write::overwrite), Bug);
  CHECK_THROWS_AS(device.embedding_forward(x, tokens, row.view({1, 6}), 0, 2), Bug);
  CHECK_THROWS_AS(device.embedding_forward(x, fours, x, 0, 2), Bug);
  CHECK_THROWS_AS(device.embedding_backward(at::zeros({4, 6}, at::kDouble), x, tokens, 0, 4, Write::overwrite), Bug);
  CHECK_THROWS_AS(device.logits_max(fours, x, 7), Bug);
  CHECK_THROWS_AS(device.cross_entropy_backward(at::zeros({4, 6}, at::kDouble), x, fours, fours, tokens, 0, 6, 1.0), Bug);
  CHECK_THROWS_AS(device.dropout(x, none, x, none, none, {}), Bug);
  CHECK_THROWS_AS(device.copy(x, row), Bug);
  CHECK_THROWS_AS(device.fill_normal(row, {}, 0, {2, 6, 0, 0, 6}, 1.0), Bug);
  CHECK_THROWS_AS(device.rotary(at::zeros({1, 4, 1, 6}), tokens, at::zeros({4, 2}), at::zeros({4, 2}), 1), Bug);
  CHECK_THROWS_AS(device.attention_delta(fours, at::zeros({1, 4, 1, 6}), at::zeros({1, 4, 2, 6})), Bug);
  CHECK_THROWS_AS(device.gemm(x, x, Transpose::no, at::zeros({6, 6}, at::kDouble), Transpose::no, Write::overwrite), Bug);
}
