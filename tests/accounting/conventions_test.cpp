// SPDX-License-Identifier: Apache-2.0
#include "accounting/conventions.hpp"

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

}  // namespace

TEST_CASE("the table names its rows once, each with a definition and a source") {
  std::set<std::string> ids;
  for (const Convention& row : conventions()) {
    CHECK(ids.insert(row.id).second);
    CHECK(std::strlen(row.definition) > 20);
    CHECK(std::strlen(row.source) > 5);
  }
  CHECK(ids == std::set<std::string>{"6n", "palm", "exact"});
}

TEST_CASE("exact, per token, agrees with the vectors of seven published models") {
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
  }
}

TEST_CASE("GPT-2 124M at 1024 by every convention, to the last digit") {
  const ModelShape shape = gpt2_124m();
  const auto total = [&](const char* id) { return to_decimal(convention(id).training(shape, 1024)); };
  CHECK(total("6n") == "764558180352");     // 6 x 124,439,808 x 1024
  CHECK(total("palm") == "875690459136");   // 6 x (124,439,808 - 786,432) x 1024 + 12 x 12 x 768 x 1024^2
  CHECK(total("exact") == "817019486208");  // 6 x 123,532,032 x 1024 + 12 x 12 x 768 x 1024 x 1025 / 2
  CHECK(per_token(convention("6n"), shape, 1024) == "746638848");
}

TEST_CASE("palm on nanoGPT's variant without biases gives the notebook's figure") {
  ModelShape shape = gpt2_124m();
  shape.biases = false;
  CHECK(to_decimal(convention("palm").training(shape, 1024)) == "875062886400");
}

TEST_CASE("palm leaves out an untied input table, 6n does not") {
  const ModelShape shape = llama3_8b();
  CHECK(token("6n", shape) == Approx(6.0 * 8'030'261'248).epsilon(1e-14));
  CHECK(token("palm", shape) == Approx(6.0 * (8'030'261'248 - 128256 * 4096) + 12.0 * 32 * 4096 * 8192).epsilon(1e-14));
}

TEST_CASE("a forward pass is a third of training, and the sums by id scale with the sequences") {
  for (const ModelShape& shape : {gpt2_124m(), llama3_8b(), tiny()}) {
    const FlopsById training = flops_by_convention(shape, {3, 7}), forward = flops_by_convention(shape, {3, 7}, Pass::evaluation);
    CHECK(training.size() == conventions().size());
    for (const Convention& row : conventions()) {
      INFO(row.id);
      CHECK(training.at(row.id) == row.training(shape, 7) * 3);
      CHECK(training.at(row.id).value == 3 * forward.at(row.id).value);
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

TEST_CASE("totals beyond 64 bits are exact") {
  CHECK(to_decimal(six_n_d({174'600'000'000}, {300'000'000'000})) == "314280000000000000000000");
  CHECK(to_pfs_days(six_n_d({174'600'000'000}, {300'000'000'000})).value == Approx(3637.5));
  CHECK(to_decimal(training_flops(convention("6n"), llama3_8b(), 8192, {15'000'000'000'000})) == "722723512320000000000000");
}

TEST_CASE("an unknown convention is refused with the list, a product beyond 128 bits with its limit") {
  try {
    convention("palms");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.problem() == "'palms' is not a FLOP convention");
    CHECK(error.hint() == "one of: 6n, palm, exact");
  }
  const Flops huge = parse_decimal("1e37");
  CHECK_THROWS_WITH(six_n_d(huge, huge), Catch::Matchers::Contains("does not fit 128 bits"));
  CHECK(six_n_d({0}, huge).value == 0);
}
