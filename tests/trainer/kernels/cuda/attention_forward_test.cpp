// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/kernels/cuda/attention_cases.hpp"

using namespace ergon;
using namespace ergon::emulated;
using namespace ergon::test;

TEST_CASE("emulated attention equals the dense oracle in fp64, and visits the tiles that the rule predicts") {
  const VisitingKernels visiting;
  const DeviceAttention kernel(visiting.kernels);
  for (const AttentionCase& c : device_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    const KernelAnswer got = run_kernel(kernel, c, data, expected, at::kDouble);
    CHECK(max_abs(got.answer.out, expected.out) <= 1e-12);
    CHECK(max_abs(got.answer.lse, expected.lse) <= 1e-12);
    const std::int64_t predicted = computed_pairs(c.mask, kernel.tiles()) * c.batch * c.heads;
    CHECK(got.forward.pairs_computed == predicted);
    CHECK(visiting.forward_pairs() == predicted);
    CHECK(got.forward.pairs_visible == c.mask.visible_pairs() * c.batch * c.heads);
    CHECK(got.forward.matmuls == 2);
    CHECK_FALSE(got.forward.declared);
  }
}

TEST_CASE("emulated attention forward passes a not-a-number on, and gives the same bits in either order of threads") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  AttentionCase c{"nan", 1, 2, 1, 4, causal_mask(70), {0.1, 3, 7, 2, 5, 1, 16, 1000}, 1.0};
  AttentionData data = attention_data(c);
  const AttentionAnswer expected = oracle(c, data);
  const AttentionAnswer forwards = run_kernel(kernel, c, data, expected, at::kFloat).answer;
  const emulation::OrderScope order(emulation::Order::backwards);
  CHECK(worst(forwards, run_kernel(kernel, c, data, expected, at::kFloat).answer) == 0.0);
  data.v.fill_(std::numeric_limits<double>::quiet_NaN());
  CHECK(run_kernel(kernel, c, data, expected, at::kDouble).answer.out.isnan().all().item<bool>());
}

TEST_CASE("attention that no kernel does is refused in words") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  AttentionCase c{"wide", 1, 1, 1, 257, causal_mask(3), {}, 1.0};
  const AttentionData data = attention_data(c);
  const AttentionAnswer expected = oracle(c, data);
  CHECK_THROWS_WITH(run_kernel(kernel, c, data, expected, at::kFloat),
                    Catch::Contains("attention_forward failed: attention kernels take head widths up to 256"));
}

// Widths between the compiled ones, the largest included.
TEST_CASE("emulated attention does head widths up to 256") {
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceAttention kernel(kernels);
  for (const std::int64_t width : {64, 65, 128, 200, 256}) {
    CAPTURE(width);
    AttentionCase c{"wide", 1, 2, 1, width, causal_mask(70), {}, 1.0};
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    CHECK(worst(run_kernel(kernel, c, data, expected, at::kFloat).answer, expected) <= 1e-4);
    if (width <= 128) CHECK(worst(run_kernel(kernel, c, data, expected, at::kDouble).answer, expected) <= 1e-12);
    if (width > 128) CHECK_THROWS_WITH(run_kernel(kernel, c, data, expected, at::kDouble), Catch::Contains("too little shared memory"));
  }
}
