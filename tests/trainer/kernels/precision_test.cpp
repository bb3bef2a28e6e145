// SPDX-License-Identifier: Apache-2.0
// bfloat16, kernel by kernel: what is stored in it may be off from exact mathematics on the same inputs by 1.3 times what rounding the
// exact result once costs; what is stored in float (gradients of parameters) by float's error alone.
#include "trainer/kernels/precision.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/kernels/activation.hpp"
#include "trainer/kernels/cross_entropy.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/embedding.hpp"
#include "trainer/kernels/norm.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/kernels/rotary.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr std::int64_t rows = 70, width = 130;
constexpr at::ScalarType bf16 = at::kBFloat16;

at::Tensor inputs(at::IntArrayRef sizes, std::uint64_t tag) { return normals(sizes, tag, bf16); }

void check_rounded_once(const at::Tensor& got, const at::Tensor& exact) {
  REQUIRE(got.scalar_type() == bf16);
  const double once = max_abs(exact.to(bf16), exact.detach());
  CHECK(once > 0.0);
  CHECK(max_abs(got, exact) <= 1.3 * once);
}

// Sums of `terms` products of numbers near 1: far below what one rounding to bfloat16 costs.
void check_float(const at::Tensor& got, const at::Tensor& exact) {
  REQUIRE(got.scalar_type() == at::kFloat);
  CHECK(max_abs(got, exact) <= 1e-5 * exact.abs().max().item<double>());
}

}  // namespace

TEST_CASE("conversions are those of the format: every value widens, every rounding is to nearest even") {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const bfloat16 x(static_cast<std::uint16_t>(bits), bfloat16::from_bits());
    const float wide = widen(x);
    if (std::isnan(wide)) {
      CHECK(std::isnan(widen(rounded<bfloat16>(wide))));
      continue;
    }
    if (rounded<bfloat16>(wide).x != x.x) FAIL("bits " << bits);
  }
  const auto of = [](std::uint32_t bits) { return rounded<bfloat16>(std::bit_cast<float>(bits)).x; };
  CHECK(of(0x3F808000u) == 0x3F80u);  // half way, to even: down
  CHECK(of(0x3F818000u) == 0x3F82u);  // half way, to even: up
  CHECK(of(0x3F808001u) == 0x3F81u);
  CHECK(of(0x7F7FFFFFu) == 0x7F80u);  // beyond the largest: infinity
  CHECK(of(0x00000001u) == 0x0000u);
  CHECK(rounded<double>(1.0 / 3.0) == 1.0 / 3.0);
  CHECK(accumulator_type(bf16) == at::kFloat);
  CHECK(accumulator_type(at::kDouble) == at::kDouble);
}

TEST_CASE("activations in bfloat16 round once, their bias gradients not at all") {
  const at::Tensor x = inputs({rows, width}, 1), b = inputs({width}, 2), dy = inputs({rows, width}, 3);
  const at::Tensor y = garbage({rows, width}, bf16), dx = garbage({rows, width}, bf16);
  const at::Tensor xl = leaf(x), expected = at::gelu(xl + b.to(at::kDouble), "tanh");
  expected.backward(dy.to(at::kDouble));
  gelu_forward(y, x, b);
  gelu_backward(dx, dy, x, b);
  check_rounded_once(y, expected);
  check_rounded_once(dx, xl.grad());

  const at::Tensor packed = inputs({rows, 2 * width}, 4), bias = inputs({2 * width}, 5), dpacked = garbage({rows, 2 * width}, bf16);
  const at::Tensor pl = leaf(packed), z = pl + bias.to(at::kDouble), gate = z.narrow(1, 0, width), up = z.narrow(1, width, width);
  const at::Tensor gated = gate * at::sigmoid(gate) * up;
  gated.backward(dy.to(at::kDouble));
  swiglu_forward(y, packed, bias);
  swiglu_backward(dpacked, dy, packed, bias);
  check_rounded_once(y, gated);
  check_rounded_once(dpacked, pl.grad());

  const at::Tensor db = garbage({width}, at::kFloat);
  column_sum(db, dy, Write::overwrite);
  check_float(db, dy.to(at::kDouble).sum(0));
}

TEST_CASE("norms in bfloat16 round once and keep statistics and weight gradients in float") {
  const at::Tensor x = inputs({rows, width}, 1), w = inputs({width}, 2), b = inputs({width}, 3), dy = inputs({rows, width}, 4);
  const at::Tensor y = garbage({rows, width}, bf16), dx = garbage({rows, width}, bf16), mean = garbage({rows}, at::kFloat),
                   rstd = garbage({rows}, at::kFloat), dw = garbage({width}, at::kFloat), db = garbage({width}, at::kFloat);
  {
    const at::Tensor xl = leaf(x), wl = leaf(w), bl = leaf(b), expected = at::layer_norm(xl, {width}, wl, bl, 1e-5);
    expected.backward(dy.to(at::kDouble));
    layernorm_forward(y, mean, rstd, x, w, b, 1e-5);
    layernorm_backward_input(dx, dy, x, mean, rstd, w, Write::overwrite);
    layernorm_backward_weight(dw, db, dy, x, mean, rstd, Write::overwrite);
    check_rounded_once(y, expected);
    check_rounded_once(dx, xl.grad());
    check_float(dw, wl.grad());
    check_float(db, bl.grad());
    const at::Tensor sum = inputs({rows, width}, 5), exact = sum.to(at::kDouble) + xl.grad();
    layernorm_backward_input(sum, dy, x, mean, rstd, w, Write::accumulate);
    check_rounded_once(sum, exact);
  }
  const at::Tensor xl = leaf(x), wl = leaf(w), expected = xl * ((xl * xl).mean({-1}, true) + 1e-5).rsqrt() * wl;
  expected.backward(dy.to(at::kDouble));
  rmsnorm_forward(y, rstd, x, w, 1e-5);
  rmsnorm_backward_input(dx, dy, x, rstd, w, Write::overwrite);
  rmsnorm_backward_weight(dw, dy, x, rstd, Write::overwrite);
  check_rounded_once(y, expected);
  check_rounded_once(dx, xl.grad());
  check_float(dw, wl.grad());
}

TEST_CASE("residuals in bfloat16 round once, and so do sums and dropout") {
  const at::Tensor x = inputs({2, 35, width}, 1), residual = inputs({2, 35, width}, 2), bias = inputs({width}, 3),
                   y = garbage({2, 35, width}, bf16);
  const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
  dropout_add(y, residual, x, bias, {}, {});
  check_rounded_once(y, wide(residual) + wide(x) + wide(bias));
  add(y, residual, x);
  check_rounded_once(y, wide(residual) + wide(x));
  add_bias(y.copy_(x), bias);
  check_rounded_once(y, wide(x) + wide(bias));
  scale(y.copy_(x), 1.0 / 3.0);
  check_rounded_once(y, wide(x) / 3.0);
  CHECK(squared_sum(x) == Approx((wide(x) * wide(x)).sum().item<double>()).epsilon(1e-12));
  CHECK(all_finite(x));
  const at::Tensor narrow = garbage({2, 35, width}, bf16), exact = normals({2, 35, width}, 4, at::kFloat);
  ergon::copy(narrow, exact);
  CHECK(narrow.equal(exact.to(bf16)));

  at::Tensor positions = at::zeros({2, 35}, at::kLong);
  for (std::int64_t i = 0; i < 70; ++i) positions.data_ptr<std::int64_t>()[i] = i % 35;
  const Dropout dropout{.p = 0.25, .seed = 3, .step = 2, .sequence = 35};
  const at::Tensor kept = garbage({2, 35, width}), ones = at::full({2, 35, width}, 1.0, at::kDouble);
  dropout_apply(kept, ones, positions, dropout);
  dropout_add(y, residual, x, bias, positions, dropout);
  check_rounded_once(y, wide(residual) + (wide(x) + wide(bias)) * kept);

  const at::Tensor heads = inputs({2, 35, 3, 8}, 6), before = wide(heads);
  const RotaryTable table(35, 8, 100.0, at::kFloat), exact_table(35, 8, 100.0, at::kDouble);
  rotary_apply(heads, positions, table, Rotation::forward);
  rotary_apply(before, positions, exact_table, Rotation::forward);
  check_rounded_once(heads, before);
}

TEST_CASE("embeddings in bfloat16 round once; a token seen 200 times has the whole of its gradient") {
  const std::int64_t tokens = 600, vocabulary = 3;
  at::Tensor ids = at::zeros({tokens}, at::kLong);
  for (std::int64_t i = 0; i < tokens; ++i) ids.data_ptr<std::int64_t>()[i] = i % vocabulary;
  const at::Tensor table = inputs({vocabulary, width}, 1), positions = inputs({vocabulary, width}, 2), dy = inputs({tokens, width}, 3);
  const at::Tensor y = garbage({tokens, width}, bf16), dtable = garbage({vocabulary, width}, at::kFloat), tl = leaf(table);
  const at::Tensor expected = at::embedding(tl, ids);
  expected.backward(dy.to(at::kDouble));
  embedding_forward(y, ids, table, 0, vocabulary);
  CHECK(max_abs(y, expected) == 0.0);
  positions_add(y, ids, positions);
  check_rounded_once(y, expected + at::embedding(positions.to(at::kDouble), ids));
  embedding_backward(dtable, dy, ids, 0, vocabulary, Write::overwrite);
  check_float(dtable, tl.grad());
}

TEST_CASE("cross-entropy takes float logits and rounds their gradient to bfloat16 once") {
  const std::int64_t vocabulary = 257;
  const at::Tensor labels = at::tensor({0, 256, -1, 128, 3, -1, 255, 64, 200}, at::kLong);
  for (const double logit_scale : {1.0, 8.0}) {
    const at::Tensor logits = normals({9, vocabulary}, 1, at::kFloat) * logit_scale, full = leaf(logits);
    (at::cross_entropy_loss(full, labels, {}, /*reduction=sum*/ 2, /*ignore_index=*/-1) * 0.125).backward();
    const at::Tensor most = garbage({9}, at::kFloat), sum = garbage({9}, at::kFloat), label = garbage({9}, at::kFloat),
                     dlogits = garbage({9, vocabulary}, bf16);
    logits_max(most, logits, vocabulary);
    logits_sum(sum, label, logits, most, labels, 0, vocabulary);
    cross_entropy_backward(dlogits, logits, most, sum, labels, 0, vocabulary, 0.125);
    check_rounded_once(dlogits, full.grad());
    CHECK(logits.equal(normals({9, vocabulary}, 1, at::kFloat) * logit_scale));
  }
}
