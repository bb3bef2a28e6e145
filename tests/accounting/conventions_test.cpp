// SPDX-License-Identifier: Apache-2.0
#include "accounting/conventions.hpp"

#include <rapidcheck.h>

#include <cstring>
#include <set>

#include "accounting/parameters.hpp"
#include "configs/error.hpp"
#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

double token(const char* id, const ModelShape& shape) {
  return to_double(convention(id).training(shape, shape.sequence)) / static_cast<double>(shape.sequence);
}
// The printed vectors have seven digits.
Approx printed(double value) { return Approx(value).epsilon(5e-7); }

// A product of decimal numbers as on paper: digit by digit, no machine integer wider than a digit's carry.
std::string product_on_paper(const std::string& a, const std::string& b) {
  std::vector<int> digits(a.size() + b.size(), 0);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      digits[i + j + 1] += (a[i] - '0') * (b[j] - '0');
      digits[i + j] += digits[i + j + 1] / 10;
      digits[i + j + 1] %= 10;
    }
  }
  std::string text;
  for (const int digit : digits)
    if (!text.empty() || digit != 0) text += static_cast<char>('0' + digit);
  return text.empty() ? "0" : text;
}

// A shape that every formula is about: GPT with heads that fill the width and f = 4 d.
ModelShape any_gpt() {
  const std::int64_t heads = *rc::gen::inRange(1, 9), width = heads * *rc::gen::inRange(1, 33);
  ModelShape shape = gpt2(*rc::gen::inRange(1, 13), width, heads);
  shape.vocabulary = *rc::gen::inRange(2, 70000);
  shape.sequence = *rc::gen::inRange(1, 5000);
  return shape;
}

// Any shape: grouped heads, gates, odd widths, windows.
ModelShape any_shape() {
  ModelShape shape = any_gpt();
  const std::int64_t groups = *rc::gen::inRange(1, 5);
  shape.kv_heads = shape.heads;
  shape.heads *= groups;
  shape.ffn_width = *rc::gen::inRange(1, 4096);
  shape.mlp = *rc::gen::element(Mlp::gelu, Mlp::swiglu);
  shape.norm = *rc::gen::element(Norm::layernorm, Norm::rmsnorm);
  shape.positions = *rc::gen::element(Positions::learned, Positions::rotary, Positions::none);
  shape.tied = *rc::gen::arbitrary<bool>();
  shape.biases = *rc::gen::arbitrary<bool>();
  shape.window = *rc::gen::element<std::int64_t>(0, 1, 7, 1000);
  return shape;
}

}  // namespace

TEST_CASE("the table names its rows once, in the order of the design, each with what it counts and a source") {
  std::vector<std::string> ids;
  for (const Convention& row : conventions()) {
    ids.push_back(row.id);
    for (const char* text : {row.definition, row.source, row.attention, row.vocabulary}) CHECK(std::strlen(text) > 4);
    CHECK(std::strlen(row.parameters) > 2);
  }
  CHECK(ids == std::vector<std::string>{"6n", "kaplan", "palm", "chinchilla", "chinchilla_table", "megatron21", "korthikanti22", "megatron",
                                        "torchtitan", "nanogpt", "llmc", "deepseek", "exact"});
}

TEST_CASE("exact, megatron and the full core, per token, agree with the vectors of six published models") {
  ModelShape gpt3 = gpt2(96, 12288, 96);
  gpt3.sequence = 2048;
  struct Row {
    ModelShape shape;
    double full, causal;  // 6 Nm + 12 L H Q s, 6 Nm + 6 L H Q s
    double matmul;
  };
  const Row rows[] = {{gpt2_124m(), 8.544384e8, 7.978153e8, 1.235320e8},      {llama2_7b(), 4.608492e10, 4.286369e10, 6.607077e9},
                      {llama3_8b(), 5.791285e10, 5.147040e10, 7.504658e9},    {llama3_70b(), 4.814348e11, 4.492225e11, 6.950171e10},
                      {llama3_405b(), 2.625425e12, 2.523956e12, 4.037479e11}, {gpt3, 1.076373e12, 1.061878e12, 1.745637e11}};
  for (const Row& row : rows) {
    const ModelShape& s = row.shape;
    INFO("L " << s.layers << " D " << s.width);
    const double matmul = static_cast<double>(count_parameters(s).matmul);
    const double core = 12.0 * static_cast<double>(s.layers * s.heads * s.head_width);
    CHECK(matmul == printed(row.matmul));
    CHECK(6 * matmul + core * static_cast<double>(s.sequence) == printed(row.full));
    // The triangle has (s + 1) / 2 pairs a row, the printed causal column s / 2.
    CHECK(token("exact", s) == Approx(6 * matmul + core * static_cast<double>(s.sequence + 1) / 2).epsilon(1e-13));
    CHECK(token("exact", s) - core / 2 == printed(row.causal));
    // Megatron's half core is the causal column; it pads the vocabulary to 128.
    const std::int64_t padding = (128 - s.vocabulary % 128) % 128;
    CHECK(token("megatron", s) - 6.0 * static_cast<double>(padding * s.width) == printed(row.causal));
    // Where the equations of 2021 apply they are the full column.
    if (s.mlp == Mlp::gelu) CHECK(token("megatron21", s) == printed(row.full));
  }
}

TEST_CASE("GPT-2 124M at 1024 by every convention: what it calls N and its FLOPs a token, to the last digit") {
  // d = 768, L = 12, H = 12, Q = 64, f = 3072, V = 50257. Matrices of the layers 12 L d^2 = 84,934,656; table V d = 38,597,376; positions
  // 786,432; biases and norms 121,344; in all 124,439,808. Full core 12 L H Q s = 113,246,208, half of it 56,623,104.
  struct Row {
    const char* id;
    std::int64_t n;  // 0: none
    const char* per_token;
  };
  const Row rows[] = {
      {"6n", 124'439'808, "746638848"},     // 6 x 124,439,808
      {"kaplan", 84'934'656, "509607936"},  // 6 x 84,934,656
      {"palm", 123'653'376, "855166464"},   // 6 x (124,439,808 - 786,432) + 113,246,208
      {"chinchilla", 0, "1087349760"},      // 3 (169,869,312 layers + 37,748,736 core + 442,368 softmax + 154,389,504 vocabulary)
      {"chinchilla_table", 130'749'696, "624181248"},  // 3 (169,869,312 + 37,748,736 + 442,368); N 12 x 7,679,232 + 1,536 + 38,597,376
      {"megatron21", 124'438'272, "854438400"},        // 509,607,936 + 113,246,208 + 6 V d 231,584,256
      {"korthikanti22", 124'438'272, "854438400"},     // model FLOPs: the same
      {"megatron", 0, "798031872"},                    // 509,607,936 + 6 x 50304 x 768 = 231,800,832, + 56,623,104
      {"torchtitan", 124'439'808, "859885056"},        // 746,638,848 + 113,246,208
      {"nanogpt", 123'653'376, "855166464"},           // 741,920,256 + 113,246,208
      {"llmc", 124'475'904, "803478528"},              // 6 x (124,439,808 + 47 x 768) + 56,623,104
      {"deepseek", 0, "622854144"},                    // 72 L d^2 = 509,607,936, + 113,246,208
      {"exact", 123'532'032, "797870592"},             // 6 x 123,532,032 + 12 L H Q x 1025 / 2 = 56,678,400
  };
  CHECK(std::size(rows) == conventions().size());
  const ModelShape shape = gpt2_124m();
  for (const Row& row : rows) {
    INFO(row.id);
    const FormulaOfShape formula = apply(convention(row.id), shape);
    CHECK(formula.applies());
    CHECK(formula.parameters.value_or(0) == row.n);
    CHECK(formula.no_parameters.empty() == (row.n != 0));
    CHECK(per_token(convention(row.id), shape, 1024) == row.per_token);
  }
  CHECK(to_decimal(convention("exact").training(shape, 1024)) == "817019486208");  // 797,870,592 x 1024
}

TEST_CASE("nanoGPT's notebook: a sequence of GPT-2 124M without biases") {
  ModelShape shape = gpt2_124m();
  shape.biases = false;
  const ParameterCounts counts = count_parameters(shape);
  CHECK(counts.total == 124'337'664);
  CHECK(counts.token_table == 38'597'376);
  CHECK(counts.positions == 786'432);
  CHECK(to_decimal(convention("palm").training(shape, 1024)) == "875062886400");
  CHECK(to_decimal(convention("nanogpt").training(shape, 1024)) == "875062886400");
  // Forward 212,600,881,152 of the layers + 79,047,426,048 of the head; training is three of them, which is what megatron21 counts.
  CHECK(to_decimal(convention("megatron21").training(shape, 1024)) == "874944921600");
  CHECK(to_decimal(convention("megatron21").forward(shape, 1024)) == "291648307200");
}

TEST_CASE("an untied model: palm and torchtitan leave out the input table, 6n and nanogpt do not") {
  const ModelShape shape = llama3_8b();
  const double core = 12.0 * 32 * 4096 * 8192, table = 128256.0 * 4096;
  CHECK(token("6n", shape) == Approx(6.0 * 8'030'261'248).epsilon(1e-14));
  CHECK(token("palm", shape) == Approx(6 * (8'030'261'248 - table) + core).epsilon(1e-14));
  CHECK(token("torchtitan", shape) == Approx(6 * (8'030'261'248 - table) + core).epsilon(1e-14));
  CHECK(token("nanogpt", shape) == Approx(6.0 * 8'030'261'248 + core).epsilon(1e-14));
}

TEST_CASE("a shape outside what a printed formula assumes has no figure but a reason") {
  const std::set<std::string> printed_ids = {"kaplan", "chinchilla", "chinchilla_table", "megatron21", "korthikanti22", "deepseek"};
  for (const Convention& row : conventions()) {
    INFO(row.id);
    const FormulaOfShape formula = apply(row, llama3_8b());
    CHECK(formula.applies() == !printed_ids.contains(row.id));
    CHECK_NOTHROW(apply(row, gpt2_1558m()));
    if (!formula.applies()) {
      CHECK_THAT(formula.refused, Catch::Matchers::Contains("8 and 32") && Catch::Matchers::Contains("swiglu"));
      CHECK_THROWS_WITH(row.training(llama3_8b(), 8192), Catch::Matchers::Contains("says nothing about this shape"));
    }
  }
}

TEST_CASE("what a run books holds for every shape, scales with the sequences, and a forward is a third of training") {
  for (const ModelShape& shape : {gpt2_124m(), llama3_8b(), tiny()}) {
    const FlopsById training = flops_by_convention(shape, {3, 7}), forward = flops_by_convention(shape, {3, 7}, Pass::evaluation);
    CHECK(training.size() == 3);
    for (const char* id : {"6n", "palm", "exact"}) {
      INFO(id);
      CHECK(training.at(id) == convention(id).training(shape, 7) * 3);
      CHECK(training.at(id).value == 3 * forward.at(id).value);
    }
  }
}

TEST_CASE("a part of a sequence counts in proportion, and a fraction of a FLOP is printed, not dropped") {
  ModelShape shape = tiny();
  shape.window = 5;  // 5 x 12 - 10 = 50 pairs in 12 rows
  const Convention& exact = convention("exact");
  const std::int64_t matmul = count_parameters(shape).matmul;
  // 12 L H Q x 50 / 12 = 50 L H Q = 3200: whole. With 7 rows, 25 pairs: 12 x 64 x 25 / 7 = 2742.857142...
  CHECK(per_token(exact, shape, 12) == std::to_string(6 * matmul + 3200));
  CHECK(per_token(exact, shape, 7) == std::to_string(6 * matmul + 2742) + ".857143");
  CHECK(training_flops(exact, shape, 12, {24}).value == 2 * exact.training(shape, 12).value);
  CHECK(training_flops(exact, shape, 7, {1}).value == static_cast<unsigned __int128>(6 * matmul + 2743));
  CHECK(training_flops(exact, shape, 7, {0}).value == 0);
  CHECK_THROWS_AS(training_flops(exact, shape, 0, {1}), Bug);
  CHECK_THROWS_AS(per_token(exact, shape, 0), Bug);
}

TEST_CASE("totals of published runs, exact beyond 64 bits") {
  CHECK(to_decimal(six_n_d({174'600'000'000}, {300'000'000'000})) == "314280000000000000000000");
  CHECK(to_pfs_days(six_n_d({174'600'000'000}, {300'000'000'000})).value == 3637.5);
  // Chinchilla 70B on 1.4T tokens: 5.88e23; Llama 3.1 405B on 15.6T: 3.8e25 as printed.
  CHECK(to_decimal(six_n_d(parse_decimal("70e9"), parse_decimal("1.4e12"))) == "588000000000000000000000");
  CHECK(to_double(training_flops(convention("6n"), llama3_405b(), 8192, {15'600'000'000'000})) == Approx(3.8e25).epsilon(0.002));
  CHECK(to_decimal(training_flops(convention("6n"), llama3_8b(), 8192, {15'000'000'000'000})) == "722723512320000000000000");
  // 1e27 = 6 x N x D exactly; a double next to it is 1.3e11 away.
  CHECK(to_decimal(six_n_d(parse_decimal("5e13"), parse_decimal("3333333333333"))) == "999999999999900000000000000");
  CHECK(to_decimal(parse_decimal("1e27")) == "1000000000000000000000000000");
}

// Brown et al. 2020, table D.1: 6 N D, and 3 N D for T5, of whose parameters half are active for a token. Everything is printed with three
// digits; the parameters of BERT, RoBERTa and the small GPT-3 models in whole millions.
TEST_CASE("GPT-3's table D.1: FLOPs and petaflop/s-days to the three digits that are printed") {
  struct Row {
    const char *parameters, *tokens;
    double pfs_days, flops;
    int active_halves = 2;
  };
  const Row rows[] = {{"60e6", "1e12", 2.08, 1.80e20, 1}, {"220e6", "1e12", 7.64, 6.60e20, 1}, {"770e6", "1e12", 26.7, 2.31e21, 1},
                      {"3e9", "1e12", 104, 9.00e21, 1},   {"11e9", "1e12", 382, 3.30e22, 1},   {"109e6", "250e9", 1.89, 1.64e20},
                      {"355e6", "250e9", 6.16, 5.33e20},  {"125e6", "2e12", 17.4, 1.50e21},    {"355e6", "2e12", 49.3, 4.26e21},
                      {"125e6", "300e9", 2.60, 2.25e20},  {"356e6", "300e9", 7.42, 6.41e20},   {"760e6", "300e9", 15.8, 1.37e21},
                      {"1320e6", "300e9", 27.5, 2.38e21}, {"2650e6", "300e9", 55.2, 4.77e21},  {"6660e6", "300e9", 139, 1.20e22},
                      {"12850e6", "300e9", 268, 2.31e22}, {"174600e6", "300e9", 3640, 3.14e23}};
  for (const Row& row : rows) {
    INFO(row.parameters << " on " << row.tokens);
    const Flops all = six_n_d(parse_decimal(row.parameters), parse_decimal(row.tokens));
    const Flops flops{all.value / 2 * static_cast<unsigned>(row.active_halves)};
    CHECK(to_double(flops) == Approx(row.flops).epsilon(0.005));
    CHECK(to_pfs_days(flops).value == Approx(row.pfs_days).epsilon(0.005));
  }
}

TEST_CASE("an unknown convention is refused with the list, a product beyond 128 bits with its limit") {
  try {
    convention("palms");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.problem() == "'palms' is not a FLOP convention");
    CHECK_THAT(error.hint(), Catch::Matchers::StartsWith("one of: 6n, kaplan, palm, ") && Catch::Matchers::EndsWith(", deepseek, exact"));
  }
  const Flops huge = parse_decimal("1e37");
  CHECK_THROWS_WITH(six_n_d(huge, huge), Catch::Matchers::Contains("does not fit 128 bits"));
  CHECK(six_n_d({0}, huge).value == 0);
  ModelShape wide = tiny();
  wide.layers = 1 << 26;
  wide.heads = wide.kv_heads = 1 << 20;
  CHECK_THROWS_WITH(apply(convention("megatron21"), wide), Catch::Matchers::Contains("2^53 parameters"));
}

TEST_CASE("property: 6 N D has the digits that a product on paper has, around 1e27 and beyond") {
  CHECK(product_on_paper("12", "99") == "1188");
  CHECK(rc::check([] {
    const auto parameters = *rc::gen::inRange<std::uint64_t>(1'000'000'000, 90'000'000'000'000);
    const auto tokens = *rc::gen::inRange<std::uint64_t>(1'000'000'000'000, 9'000'000'000'000'000'000);
    const std::string by_hand = product_on_paper("6", product_on_paper(std::to_string(parameters), std::to_string(tokens)));
    RC_ASSERT(to_decimal(six_n_d({parameters}, {tokens})) == by_hand);
    RC_ASSERT(to_decimal(prorated({parameters}, 1, {static_cast<std::int64_t>(tokens)})) ==
              product_on_paper(std::to_string(parameters), std::to_string(tokens)));
    RC_ASSERT(to_decimal(parse_decimal(by_hand)) == by_hand);
  }));
}

TEST_CASE("property: conventions agree where they must") {
  CHECK(rc::check([] {
    ModelShape shape = any_gpt();
    const auto of = [&](const char* id) { return convention(id).training(shape, shape.sequence); };
    const Flops tokens{static_cast<unsigned __int128>(shape.sequence)};
    // Tied: the head is the only table, so palm is nanogpt; torchtitan keeps the positions.
    RC_ASSERT(of("palm") == of("nanogpt"));
    RC_ASSERT(of("torchtitan") == of("palm") + Flops{6} * count_parameters(shape).positions * tokens.value);
    RC_ASSERT(of("korthikanti22") == of("megatron21"));
    RC_ASSERT(of("kaplan").value == Flops{6}.value * 12 * shape.layers * shape.width * shape.width * tokens.value);
    RC_ASSERT(of("chinchilla") - of("chinchilla_table") == Flops{12} * shape.width * shape.vocabulary * tokens.value);
    RC_ASSERT(of("deepseek") + Flops{6} * shape.width * shape.vocabulary * tokens.value == of("megatron21"));
    // Full core - half core - the triangle's diagonal half.
    const Flops diagonal = Flops{6} * shape.layers * shape.width * tokens.value;
    const Flops half = Flops{6} * shape.layers * shape.width * tokens.value * tokens.value;
    RC_ASSERT(of("megatron21") + diagonal == of("exact") + half);
    shape.vocabulary = (shape.vocabulary + 127) / 128 * 128;
    RC_ASSERT(of("megatron") + diagonal == of("exact"));
    RC_ASSERT(of("llmc") + half == of("torchtitan"));
  }));
}

TEST_CASE("property: every convention is additive over layers, and over sequences") {
  CHECK(rc::check([] {
    const ModelShape shape = any_shape();
    const auto with_layers = [&](std::int64_t layers) {
      ModelShape deeper = shape;
      deeper.layers = layers;
      return deeper;
    };
    const std::int64_t length = shape.sequence;
    for (const Convention& row : conventions()) {
      if (!apply(row, shape).applies()) continue;
      const auto at = [&](std::int64_t layers) { return row.training(with_layers(layers), length); };
      RC_ASSERT(at(3) + at(1) == at(2) + at(2));
      RC_ASSERT(at(7) + at(1) == at(5) + at(3));
      RC_ASSERT(training_flops(row, shape, length, {5 * length}) == row.training(shape, length) * 5);
    }
  }));
}

TEST_CASE("property: every convention is monotone in every size") {
  CHECK(rc::check([] {
    const ModelShape shape = *rc::gen::arbitrary<bool>() ? any_shape() : any_gpt();
    const auto grown = [&](auto grow) {
      ModelShape larger = shape;
      grow(larger);
      return larger;
    };
    const ModelShape larger[] = {
        grown([](ModelShape& s) { s.layers += 1; }), grown([](ModelShape& s) { s.vocabulary += 1; }),
        grown([](ModelShape& s) { s.ffn_width += 1; }), grown([](ModelShape& s) { s.head_width += 1; }),
        grown([](ModelShape& s) { s.heads *= 2; }), grown([](ModelShape& s) { s.kv_heads = s.heads; }),
        grown([](ModelShape& s) { s.width += 4, s.ffn_width += 16; }), grown([](ModelShape& s) { s.sequence += 1; }),
        grown([](ModelShape& s) { s.window += s.window > 0 ? 1 : 0; }),
        // GPT grown as a whole, so that formulas which assume f = 4 d and H Q = d still apply.
        grown([](ModelShape& s) { s.heads += s.heads, s.kv_heads += s.kv_heads, s.width *= 2, s.ffn_width *= 2; })};
    for (const Convention& row : conventions()) {
      if (!apply(row, shape).applies()) continue;
      const Flops before = row.training(shape, shape.sequence);
      RC_ASSERT(row.training(shape, shape.sequence + 1) > before);
      RC_ASSERT(training_flops(row, shape, shape.sequence, {1001}) > training_flops(row, shape, shape.sequence, {1000}));
      for (const ModelShape& one : larger)
        if (apply(row, one).applies()) RC_ASSERT(row.training(one, shape.sequence) >= before);
    }
  }));
}
