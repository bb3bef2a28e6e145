// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/tiled.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "tests/trainer/attention/attention_oracle.hpp"
#include "trainer/attention/plain.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("tiled attention equals the dense oracle in fp64, whatever the tiles") {
  for (const AttentionCase& c : all_cases()) {
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    for (const auto& [queries, keys] : {std::pair<std::int64_t, std::int64_t>{64, 64}, {16, 16}, {32, 8}, {8, 48}}) {
      INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p << " tiles " << queries << " x " << keys);
      const TiledAttention kernel(queries, keys);
      const KernelAnswer got = run_kernel(kernel, c, data, expected, at::kDouble);
      CHECK(worst(got.answer, expected) <= 1e-12);
      for (const AttentionWork& work : {got.forward, got.backward}) {
        CHECK(work.pairs_computed == computed_pairs(c.mask, kernel.tiles()) * c.batch * c.heads);
        CHECK(work.pairs_visible == c.mask.visible_pairs() * c.batch * c.heads);
        CHECK_FALSE(work.declared);
      }
      CHECK(got.forward.matmuls == 2);
      CHECK(got.backward.matmuls == 5);
    }
  }
}

// Twice the error of the plain kernel in fp32: both round the same products, in another order.
TEST_CASE("tiled attention in fp32 is as exact as plain attention in fp32") {
  for (const AttentionCase& c : all_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = attention_data(c);
    const AttentionAnswer expected = oracle(c, data);
    const double plain = worst(run_kernel(PlainAttention(), c, data, expected, at::kFloat).answer, expected);
    const double tiled = worst(run_kernel(TiledAttention(), c, data, expected, at::kFloat).answer, expected);
    CHECK(plain < 1e-3);
    CHECK(tiled <= 2 * plain + 1e-6);
  }
}

TEST_CASE("blocks of keys merge by log-sum-exp, and backward with the global output and lse sums to the whole") {
  AttentionCase whole{"whole", 2, 8, 2, 8, causal_mask(61), {}, 8.0};
  const AttentionData data = attention_data(whole);
  const AttentionAnswer expected = oracle(whole, data);
  const TiledAttention kernel(16, 16);
  at::Tensor out = at::zeros_like(expected.out), lse, dq = at::zeros_like(expected.dq);
  std::vector<at::Tensor> dk, dv, outs, lses;
  for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 23}, {23, 38}}) {
    AttentionCase part = whole;
    part.mask.keys = {{first, count, 1}};
    AttentionData piece = data;
    piece.k = data.k.narrow(1, first, count);
    piece.v = data.v.narrow(1, first, count);
    const AttentionAnswer got = run_kernel(kernel, part, piece, expected, at::kDouble).answer;
    outs.push_back(got.out);
    lses.push_back(got.lse);
    dq += got.dq;
    dk.push_back(got.dk);
    dv.push_back(got.dv);
  }
  lse = at::logaddexp(lses[0], lses[1]);
  for (int i = 0; i < 2; ++i) out += outs[i] * (lses[i] - lse).exp().transpose(1, 2).unsqueeze(3);
  CHECK(max_abs(lse, expected.lse) <= 1e-12);
  CHECK(max_abs(out, expected.out) <= 1e-12);
  CHECK(max_abs(dq, expected.dq) <= 1e-12);
  CHECK(max_abs(at::cat(dk, 1), expected.dk) <= 1e-12);
  CHECK(max_abs(at::cat(dv, 1), expected.dv) <= 1e-12);

  // The local lse in backward, the classic mistake, is far off.
  AttentionCase part = whole;
  part.mask.keys = {{0, 23, 1}};
  AttentionData piece = data;
  piece.k = data.k.narrow(1, 0, 23);
  piece.v = data.v.narrow(1, 0, 23);
  const AttentionAnswer local = oracle(part, piece);
  CHECK(max_abs(run_kernel(kernel, part, piece, local, at::kDouble).answer.dk, expected.dk.narrow(1, 0, 23)) > 1e-3);
}

TEST_CASE("tiled attention gives the same bits on one thread and on two") {
  const int threads = at::get_num_threads();
  AttentionCase c{"threads", 3, 8, 2, 16, causal_mask(100, 31), {0.1, 3, 7, 2, 5, 1, 16, 1000}, 1.0};
  const AttentionData data = attention_data(c);
  const AttentionAnswer expected = oracle(c, data);
  at::set_num_threads(1);
  const AttentionAnswer one = run_kernel(TiledAttention(), c, data, expected, at::kFloat).answer;
  at::set_num_threads(2);
  const AttentionAnswer two = run_kernel(TiledAttention(), c, data, expected, at::kFloat).answer;
  at::set_num_threads(threads);
  CHECK(worst(one, two) == 0.0);
}

TEST_CASE("tiled attention passes a not-a-number on") {
  AttentionCase c{"nan", 1, 1, 1, 4, causal_mask(5), {}, 1.0};
  AttentionData data = attention_data(c);
  const AttentionAnswer expected = oracle(c, data);
  data.v.fill_(std::numeric_limits<double>::quiet_NaN());
  CHECK(run_kernel(TiledAttention(), c, data, expected, at::kDouble).answer.out.isnan().all().item<bool>());
}

TEST_CASE("tiled attention in bfloat16 gives float results as exact as those of float") { check_bfloat16(TiledAttention()); }
