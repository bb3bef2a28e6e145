// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/counted_formulas.hpp"

#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("a small untied model with grouped heads, by hand") {
  // L 2, d 24, H 4, K 2, Q 8, f 40, V 257, swiglu, no biases, rotary. A layer: q 768, k 384, v 384, o 768, three of 960: 5184; norms 48.
  // Table 6168; final norm 24. In all 2 x 5232 + 24 + 2 x 6168 = 22,824; in products 2 x 5184 + 6168 = 16,536.
  const ModelShape shape = tiny();
  CHECK(six_n(shape).parameters == 22824);
  CHECK(palm(shape).parameters == 22824 - 6168);
  CHECK(nanogpt(shape).parameters == 22824);
  CHECK(torchtitan(shape).parameters == 22824 - 6168);
  CHECK(exact_formula(shape).parameters == 16536);
  // 12 tokens: 12 L H Q = 768 a pair; 78 pairs of the triangle, 144 of the square.
  const Packing twelve = whole_sequence(12, 0);
  CHECK(flops_of(six_n(shape).training, twelve).value == 12 * 6 * 22824);
  CHECK(flops_of(palm(shape).training, twelve).value == 12 * 6 * 16656 + 768 * 144);
  CHECK(flops_of(exact_formula(shape).training, twelve).value == 12 * 6 * 16536 + 768 * 78);
  // The vocabulary is padded to 384.
  CHECK(flops_of(megatron_today(shape).training, twelve).value == 12 * 6 * (2 * 5184 + 384 * 24) + 768 * 72);
}

TEST_CASE("llm.c's formula takes the width for the heads' width, and is refused where they differ") {
  CHECK(llmc(tiny()).refused == "the formula assumes heads that fill d (here 4 of 8, d 24)");
  ModelShape shape = tiny();
  shape.head_width = 6;
  // 22,824 - 2 x (2 x 24 x 8 + 2 x 24 x 4) of the narrower heads + 2 x 127 x 24 of padding.
  CHECK(llmc(shape).parameters == 22824 - 1152 + 6096);
  CHECK(flops_of(llmc(shape).training, whole_sequence(12, 0)).value == 12 * 6 * 27768 + 6 * 2 * 24 * 144);
}

TEST_CASE("packed documents: exact and megatron follow them, the others count s for each token") {
  const ModelShape shape = tiny();
  const Packing packed = packed_documents({1, 2, 4}, 12, 0, "test");
  CHECK(flops_of(exact_formula(shape).training, packed).value == 7 * 6 * 16536 + 768 * 14);
  CHECK(flops_of(megatron_today(shape).training, packed).value == 7 * 6 * (2 * 5184 + 384 * 24) + 768 * 21 / 2);
  CHECK(flops_of(palm(shape).training, packed).value == 7 * 6 * 16656 + 768 * 7 * 12);
}

TEST_CASE("where every position sees all: exact counts s x s, formulas that take half say nothing, the others are as they were") {
  ModelShape shape = tiny();
  const FormulaOfShape causal = palm(shape);
  shape.causal = false;
  CHECK(flops_of(exact_formula(shape).training, whole_sequence(12, attention_rule(shape))).value == 12 * 6 * 16536 + 768 * 144);
  CHECK(flops_of(exact_formula(shape).training, packed_documents({1, 2, 4}, 12, attention_rule(shape), "test")).value ==
        7 * 6 * 16536 + 768 * 21);
  CHECK(megatron_today(shape).refused == "the formula assumes causal attention (here every position sees all)");
  CHECK(llmc(shape).refused.find("causal attention (here every position sees all)") != std::string::npos);
  CHECK(palm(shape).training.per_token == causal.training.per_token);
}
