// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/attention/attention_oracle.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "trainer/attention/plain.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/precision.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {
namespace {

std::vector<std::int64_t> rows(const std::vector<PositionRun>& runs) {
  std::vector<std::int64_t> result;
  for (const PositionRun& run : runs)
    for (std::int64_t i = 0; i < run.length; ++i) result.push_back(run.start + i * run.stride);
  return result;
}

std::int64_t document(const BlockMask& mask, std::int64_t position) {
  std::int64_t index = 0;
  for (const std::int64_t start : mask.document_starts) index += start <= position;
  return index;
}

at::Tensor counted_normals(at::IntArrayRef sizes, std::uint64_t& state) {
  at::Tensor x = at::empty(sizes, at::kDouble);
  const PhiloxKey key = philox_key(77, Stream::init);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr<double>()[i] = normal(key, 5, state++);
  return x;
}

}  // namespace

AttentionData attention_data(const AttentionCase& c, std::int64_t seed) {
  std::uint64_t state = static_cast<std::uint64_t>(seed) << 32;
  const std::int64_t t = c.mask.num_queries(), s = c.mask.num_keys();
  AttentionData data;
  data.q = counted_normals({c.batch, t, c.heads, c.width}, state);
  data.k = counted_normals({c.batch, s, c.kv_heads, c.width}, state);
  data.v = counted_normals({c.batch, s, c.kv_heads, c.width}, state);
  data.dout = counted_normals({c.batch, t, c.heads, c.width}, state);
  data.scale = c.logits / std::sqrt(static_cast<double>(c.width));
  return data;
}

AttentionData rounded_to_bfloat16(const AttentionData& data) {
  const auto rounded = [](const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kDouble); };
  return {rounded(data.q), rounded(data.k), rounded(data.v), rounded(data.dout), data.scale};
}

void check_bfloat16(const LocalAttention& kernel) {
  for (const AttentionCase& c : all_cases()) {
    INFO(c.name << " logits " << c.logits << " dropout " << c.dropout.p);
    const AttentionData data = rounded_to_bfloat16(attention_data(c));
    const AttentionAnswer expected = oracle(c, data);
    const AttentionAnswer plain = run_kernel(PlainAttention(), c, data, expected, at::kFloat).answer;
    const AttentionAnswer got = run_kernel(kernel, c, data, expected, at::kBFloat16).answer;
    const double noise = 2 * worst(plain, expected) + 1e-6;  // what float leaves, for instance where the exact gradient is zero
    CHECK(worst(got, expected) <= noise);
    const auto once = [noise](const at::Tensor& x, const at::Tensor& exact) {
      CHECK(max_abs(x.to(at::kBFloat16).to(at::kDouble), exact) <= 1.3 * max_abs(exact.to(at::kBFloat16).to(at::kDouble), exact) + noise);
    };
    once(got.out, expected.out);
    once(got.dq, expected.dq);
    once(got.dk, expected.dk);
    once(got.dv, expected.dv);
  }
}

AttentionAnswer oracle(const AttentionCase& c, const AttentionData& data) {
  const auto queries = rows(c.mask.queries), keys = rows(c.mask.keys);
  const auto t = static_cast<std::int64_t>(queries.size()), s = static_cast<std::int64_t>(keys.size());
  at::Tensor hidden = at::zeros({t, s}, at::kBool), factor = at::empty({c.batch, c.heads, t, s}, at::kDouble);
  for (std::int64_t i = 0; i < t; ++i)
    for (std::int64_t j = 0; j < s; ++j) {
      const std::int64_t p = queries[i], r = keys[j];
      const bool visible =
          (!c.mask.causal || r <= p) && (c.mask.window == 0 || p - r < c.mask.window) && document(c.mask, p) == document(c.mask, r);
      hidden.data_ptr<bool>()[i * s + j] = !visible;
      for (std::int64_t b = 0; b < c.batch; ++b)
        for (std::int64_t h = 0; h < c.heads; ++h)
          factor.data_ptr<double>()[((b * c.heads + h) * t + i) * s + j] =
              attention_dropout_factor(c.dropout, c.dropout.first_sample + b, c.dropout.first_head + h, p, r);
    }
  at::Tensor q = data.q.clone().set_requires_grad(true), k = data.k.clone().set_requires_grad(true),
             v = data.v.clone().set_requires_grad(true);
  const std::int64_t group = c.heads / c.kv_heads;
  const at::Tensor q_BHTQ = q.transpose(1, 2), k_BHSQ = k.transpose(1, 2).repeat_interleave(group, 1),
                   v_BHSQ = v.transpose(1, 2).repeat_interleave(group, 1);
  const at::Tensor score = (at::matmul(q_BHTQ, k_BHSQ.transpose(2, 3)) * data.scale).masked_fill(hidden, -1e300);
  const at::Tensor blind = hidden.all(1).view({1, 1, t});
  const at::Tensor probability = score.softmax(3).masked_fill(hidden, 0.0);
  const at::Tensor out = at::matmul(probability * factor, v_BHSQ).transpose(1, 2);
  out.backward(data.dout);
  AttentionAnswer answer;
  answer.out = out.detach();
  answer.lse = at::logsumexp(score, 3).detach().masked_fill(blind, -std::numeric_limits<double>::infinity());
  answer.delta = (answer.out * data.dout).sum(3).transpose(1, 2).contiguous();
  answer.dq = q.grad();
  answer.dk = k.grad();
  answer.dv = v.grad();
  return answer;
}

KernelAnswer run_kernel(const LocalAttention& kernel, const AttentionCase& c, const AttentionData& data, const AttentionAnswer& global,
                        at::ScalarType dtype) {
  const auto to = [&](const at::Tensor& x) { return x.to(dtype); };
  // q, k and v as slices of packed rows, as the model hands them over.
  const auto strided = [&](const at::Tensor& x) {
    at::Tensor wide = at::zeros({x.size(0), x.size(1), x.size(2) + 3, x.size(3)}, dtype);
    at::Tensor slice = wide.narrow(2, 1, x.size(2));
    slice.copy_(x);
    return slice;
  };
  const at::Tensor q = strided(data.q), k = strided(data.k), v = strided(data.v);
  const at::ScalarType exact = accumulator_type(dtype);
  const auto garbage = [&](const at::Tensor& like) {
    return at::zeros(like.sizes(), exact).fill_(std::numeric_limits<double>::quiet_NaN());
  };
  AttentionOutput output{garbage(data.q), garbage(global.lse)};
  AttentionGradients gradients{garbage(data.q), garbage(data.k), garbage(data.v)};
  KernelAnswer result;
  const AttentionBlock block{q, k, v, c.mask, c.dropout, data.scale};
  result.forward = kernel.forward(block, output);
  result.backward = kernel.backward(block, {to(data.dout), global.out.to(exact), global.lse.to(exact), global.delta.to(exact)}, gradients);
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  result.answer = {wide(output.out_BTHQ),   wide(output.lse_BHT),    global.delta,
                   wide(gradients.dq_BTHQ), wide(gradients.dk_BSKQ), wide(gradients.dv_BSKQ)};
  return result;
}

double worst(const AttentionAnswer& a, const AttentionAnswer& b) {
  return std::max({max_abs(a.out, b.out), max_abs(a.lse, b.lse), max_abs(a.dq, b.dq), max_abs(a.dk, b.dk), max_abs(a.dv, b.dv)});
}

std::vector<AttentionCase> all_cases() {
  std::vector<AttentionCase> cases;
  const auto add = [&](const std::string& name, std::int64_t heads, std::int64_t kv_heads, BlockMask mask) {
    for (const double logits : {1.0, 8.0})
      for (const double p : {0.0, 0.2}) {
        AttentionCase c{name, 2, heads, kv_heads, 8, mask, {}, logits};
        c.dropout = {p, 3, 7, 2, 5, 1, 16, 1000};
        cases.push_back(c);
      }
  };
  BlockMask full = causal_mask(33);
  full.causal = false;
  BlockMask documents = causal_mask(70);
  documents.document_starts = {0, 5, 40, 41};
  BlockMask both = causal_mask(70, 9);
  both.document_starts = {0, 30, 64};
  BlockMask loose = documents;
  loose.causal = false;
  BlockMask striped = causal_mask(0);
  striped.queries = {{1, 37, 3}};
  striped.keys = {{2, 37, 3}};
  BlockMask zigzag = causal_mask(0);
  zigzag.queries = {{10, 10, 1}, {70, 13, 1}};
  zigzag.keys = {{0, 10, 1}, {60, 25, 1}};
  BlockMask blind = causal_mask(0);  // the first queries see nothing
  blind.queries = {{0, 40, 1}};
  blind.keys = {{17, 30, 1}};
  add("causal 1", 4, 4, causal_mask(1));
  add("causal 37", 4, 4, causal_mask(37));
  add("causal 64 grouped", 8, 2, causal_mask(64));
  add("causal 67 one key head", 8, 1, causal_mask(67));
  add("full 33", 8, 2, full);
  add("window 11", 4, 2, causal_mask(61, 11));
  add("window 1", 4, 4, causal_mask(40, 1));
  add("documents", 4, 4, documents);
  add("documents, window", 8, 2, both);
  add("documents, not causal", 4, 4, loose);
  add("striped", 4, 4, striped);
  add("zigzag", 8, 2, zigzag);
  add("blind rows", 4, 4, blind);
  return cases;
}

}  // namespace ergon::test
