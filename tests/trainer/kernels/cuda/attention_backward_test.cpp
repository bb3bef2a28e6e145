// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/kernels/cuda/attention_cases.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/plain.hpp"

using namespace ergon;
using namespace ergon::emulated;
using namespace ergon::test;

TEST_CASE("emulated attention backward equals autograd in fp64, and visits the tiles that the rule predicts") {
  const VisitingKernels visiting;
  const DeviceAttention kernel(visiting.kernels);
  for (const AttentionCase& c : device_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    const KernelAnswer got = run_kernel(kernel, c, data, expected, at::kDouble);
    CHECK(worst(got.answer, expected) <= 1e-12);
    CHECK(got.backward.pairs_computed == computed_pairs(c.mask, kernel.tiles()) * c.batch * c.heads);
    CHECK(visiting.backward_pairs() == got.backward.pairs_computed);
    CHECK(got.backward.matmuls == 7);
  }
}

// Twice the error of the plain kernel in fp32: both round the same products, in another order.
TEST_CASE("emulated attention in fp32 is as exact as plain attention in fp32") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  for (const AttentionCase& c : device_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    const double plain = worst(run_kernel(PlainAttention(), c, data, expected, at::kFloat).answer, expected);
    CHECK(worst(run_kernel(kernel, c, data, expected, at::kFloat).answer, expected) <= 2 * plain + 1e-6);
  }
}

// The kernels widen each bfloat16 once and compute in fp32: on the same values fp32 tensors give the same bits.
TEST_CASE("emulated attention of bfloat16 is that of the same values in fp32, with dout in either type") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  for (const AttentionCase& c : device_cases()) {
    INFO(c.name << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const auto brief = [](const at::Tensor& x) { return x.to(at::kBFloat16); };
    const at::Tensor q = brief(data.q), k = brief(data.k), v = brief(data.v), dout = brief(data.dout);
    const auto answer = [&](at::ScalarType inputs, at::ScalarType dout_type) {
      const auto blank = [](const at::Tensor& like) { return garbage(like.sizes(), at::kFloat); };
      AttentionOutput o{blank(q), garbage({c.batch, c.heads, q.size(1)}, at::kFloat)};
      AttentionGradients g{blank(q), blank(k), blank(v)};
      const at::Tensor typed_dout = dout.to(dout_type), delta = garbage(o.lse_BHT.sizes(), at::kFloat);
      const AttentionBlock block{q.to(inputs), k.to(inputs), v.to(inputs), c.mask, c.dropout, data.scale};
      kernel.forward(block, o);
      kernels.attention_delta(delta, typed_dout, o.out_BTHQ);
      kernel.backward(block, {typed_dout, o.out_BTHQ, o.lse_BHT, delta}, g);
      return std::vector<at::Tensor>{o.out_BTHQ, o.lse_BHT, g.dq_BTHQ, g.dk_BSKQ, g.dv_BSKQ};
    };
    const auto expected = answer(at::kFloat, at::kFloat), same = answer(at::kBFloat16, at::kBFloat16),
               mixed = answer(at::kBFloat16, at::kFloat);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(at::equal(expected[i], same[i]));
      CHECK(at::equal(expected[i], mixed[i]));
    }
  }
}

TEST_CASE("emulated delta equals the host; types that do not go together are refused") {
  compare([&](const Side& s) {
    const at::Tensor dout = s.input({2, 5, 3, 7}, 1), out = s.input_a({2, 5, 3, 7}, 2), delta = s.result_a({2, 3, 5});
    if (s.device)
      s.device->attention_delta(delta, dout, out);
    else
      attention_delta(delta, dout, out);
    return std::vector<at::Tensor>{delta};
  });
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  const at::Tensor x = normals({1, 3, 1, 4}, 1, at::kFloat), rows = garbage({1, 1, 3}, at::kFloat);
  AttentionGradients g{x, x, x};
  CHECK_THROWS_AS(kernel.backward({x, x, x, causal_mask(3), {}, 1.0}, {x.to(at::kDouble), x, rows, rows}, g), Bug);
  AttentionOutput o{x.to(at::kDouble), rows};
  CHECK_THROWS_AS(kernel.forward({x, x, x, causal_mask(3), {}, 1.0}, o), Bug);
}
