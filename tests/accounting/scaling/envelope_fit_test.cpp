// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/envelope_fit.hpp"

#include <rapidcheck.h>

#include "configs/error.hpp"
#include "tests/accounting/scaling/planted.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

// A straight curve in ln C: loss = at_1 - slope log10 C, for C = 10^first .. 10^last.
void add_line(FitRows& input, const std::string& run, double parameters, double at_1, double slope, double first, double last,
              int points = 200) {
  for (int i = 0; i < points; ++i) {
    const double exponent = std::lerp(first, last, static_cast<double>(i) / (points - 1));
    FitRow row;
    row.row = static_cast<std::int64_t>(input.rows.size()) + 1;
    row.parameters = parameters;
    row.flops = std::pow(10.0, exponent);
    row.tokens = row.flops / 6 / parameters;
    row.loss = at_1 - slope * exponent;
    row.run = run;
    row.step = i + 1;
    input.rows.push_back(row);
  }
}

// Lines that cross at 10^11 (1e5 and 1e6 parameters) and at 10^13 (1e6 and 1e7).
FitRows three_lines() {
  FitRows input;
  add_line(input, "small", 1e5, 10 + 0.1 * 11, 0.1, 10, 14);
  add_line(input, "middle", 1e6, 10 + 0.2 * 11, 0.2, 10, 14);
  add_line(input, "large", 1e7, 10 + 0.2 * 11 - 0.2 * 13 + 0.3 * 13, 0.3, 10, 14);
  return input;
}

std::string envelope_refusal(const FitRows& input) {
  try {
    fit_envelope(input, {.samples = 0});
  } catch (const Error& error) {
    CHECK(error.where() == "approach 1");
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("lines that cross at C = 1e11 and 1e13 between sizes ten times apart: a = 1/2") {
  const EnvelopeFit fit = fit_envelope(three_lines(), {.samples = 0});
  REQUIRE(fit.moves.size() == 2);
  // Straight lines are what smoothing leaves as they are, at their ends too.
  CHECK(fit.moves[0].flops == Approx(1e11).epsilon(1e-6));
  CHECK(fit.moves[0].parameters == Approx(std::sqrt(1e5 * 1e6)).epsilon(1e-9));
  CHECK(fit.moves[0].tokens == Approx(1e11 / 6 / std::sqrt(1e5 * 1e6)).epsilon(1e-6));
  CHECK(fit.moves[1].flops == Approx(1e13).epsilon(1e-6));
  CHECK(fit.fit.a.value == Approx(0.5).epsilon(1e-6));
  CHECK(fit.fit.b.value == Approx(0.5).epsilon(1e-6));
  CHECK(fit.warnings.empty());
}

TEST_CASE("the envelope is the lowest curve at 1500 C, from the first to the last") {
  const EnvelopeFit fit = fit_envelope(three_lines(), {.samples = 0});
  REQUIRE(fit.envelope.size() == envelope_points);
  CHECK(fit.runs == std::vector<std::string>{"small", "middle", "large"});
  CHECK(fit.runs[fit.envelope.front().run] == "small");
  CHECK(fit.runs[fit.envelope[750].run] == "middle");
  CHECK(fit.runs[fit.envelope.back().run] == "large");
  for (std::size_t i = 1; i < envelope_points; ++i) CHECK(fit.envelope[i].loss < fit.envelope[i - 1].loss);
}

TEST_CASE("the order of the rows is that of the steps, and rows without steps are in the order of C") {
  FitRows input = three_lines();
  std::reverse(input.rows.begin(), input.rows.end());
  CHECK(fit_envelope(input, {.samples = 0}).fit.a.value == Approx(0.5).epsilon(1e-6));
  for (FitRow& row : input.rows) row.step = 0;
  CHECK(fit_envelope(input, {.samples = 0}).fit.a.value == Approx(0.5).epsilon(1e-6));
}

TEST_CASE("noise of single points is smoothed away: crossings stay where they were") {
  FitRows input = three_lines();
  Noise noise(11);
  for (FitRow& row : input.rows) row.loss += 0.01 * noise.normal();
  const EnvelopeFit fit = fit_envelope(input, {.samples = 0});
  CHECK(fit.fit.a.value == Approx(0.5).epsilon(0.05));
}

TEST_CASE("a short curve is warned of") {
  FitRows input = three_lines();
  add_line(input, "short", 1e6, 20, 0.1, 10, 14, 20);
  const EnvelopeFit fit = fit_envelope(input, {.samples = 0});
  REQUIRE(fit.warnings.size() == 1);
  CHECK_THAT(fit.warnings[0], Contains("run 'short' has 20 points"));
}

TEST_CASE("what has no envelope that moves is refused with a sentence") {
  FitRows none;
  CHECK(envelope_refusal(none) == "it compares runs, and there is none");
  FitRows input;
  add_line(input, "one", 1e6, 10, 0.1, 10, 14);
  CHECK(envelope_refusal(input) == "it compares runs, and there is only 'one'");
  add_line(input, "two", 1e6, 11, 0.1, 10, 14);
  CHECK(envelope_refusal(input) == "all 2 runs have 1e+06 parameters");
  add_line(input, "three", 1e7, 12, 0.1, 10, 14);
  CHECK(envelope_refusal(input) == "the lowest loss never moves from a size to another by a crossing of their curves");
  FitRows once;
  add_line(once, "small", 1e5, 10 + 0.1 * 11, 0.1, 10, 14);
  add_line(once, "middle", 1e6, 10 + 0.2 * 11, 0.2, 10, 14);
  CHECK(envelope_refusal(once) == "the lowest loss moves from a size to another at one C only, and a power of C needs two");
  // Runs that end before they are outdone: nothing crosses.
  FitRows apart;
  add_line(apart, "small", 1e5, 10, 0.1, 10, 11);
  add_line(apart, "middle", 1e6, 10.5, 0.1, 10, 12);
  add_line(apart, "large", 1e7, 11, 0.1, 10, 13);
  CHECK(envelope_refusal(apart) ==
        "the lowest loss never moves from a size to another by a crossing of their curves (2 times it moved only because a run began or "
        "ended)");
}

TEST_CASE("rows that make no curves are refused, with the row") {
  FitRows input = three_lines();
  input.rows[4].run.clear();
  CHECK(envelope_refusal(input) == "it needs the losses along runs, and row 5 names no run");
  input = three_lines();
  input.rows[4].parameters = 2e5;
  CHECK(envelope_refusal(input) == "run 'small' has 100000 parameters in row 1 and 200000 in row 5");
  input = three_lines();
  input.rows[4].flops = 1e10;
  CHECK(envelope_refusal(input) == "the FLOPs of run 'small' do not grow at row 5");
  input = three_lines();
  add_line(input, "point", 1e6, 10, 0.1, 10, 14, 2);
  input.rows.pop_back();
  CHECK(envelope_refusal(input) == "run 'point' has one point, row 601: that is no curve");
}

TEST_CASE("property of curves: a law planted without noise is recovered, whatever the number of sizes and of points") {
  CHECK(rc::check([] {
    const int runs = *rc::gen::inRange(3, 10), points = *rc::gen::inRange(200, 500);
    const EnvelopeFit fit = fit_envelope(planted_curves(runs, points, 0, 0, 1), {.samples = 0});
    RC_ASSERT(fit.moves.size() == static_cast<std::size_t>(runs) - 1);
    RC_ASSERT(std::abs(fit.fit.a.value - exponents(planted_law).a) < 0.01);
    RC_ASSERT(std::abs(fit.fit.a.value + fit.fit.b.value - 1) < 1e-6);
  }));
}

TEST_CASE("the same seed gives the same interval of curves") {
  const FitRows input = planted_curves(10, 200, 0.01, 0.001, 5);
  const Bounds one = *fit_envelope(input, {.samples = 50, .seed = 3}).fit.a.interval;
  const Bounds again = *fit_envelope(input, {.samples = 50, .seed = 3}).fit.a.interval;
  CHECK(one.low == again.low);
  CHECK(one.high == again.high);
}

// Resampling runs leaves sizes out, and a wider gap moves an optimum more: the interval is somewhat wider than it says, never narrower.
TEST_CASE("coverage of approach 1: the interval at 0.9 holds the planted a in at least 170 of 200 data sets, and is not wide") {
  int held = 0, both = 0;
  double width = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const ApproachFit fit = fit_envelope(planted_curves(12, 120, 0.005, 0.003, seed), {.samples = 200, .level = 0.9, .seed = seed}).fit;
    REQUIRE(fit.a.interval);
    const Exponents planted = exponents(planted_law);
    held += fit.a.interval->low <= planted.a && planted.a <= fit.a.interval->high;
    both += fit.b.interval->low <= planted.b && planted.b <= fit.b.interval->high;
    width += (fit.a.interval->high - fit.a.interval->low) / 200;
  }
  INFO("a held " << held << ", b " << both << " of 200, mean width " << width);
  CHECK(held >= 170);
  CHECK(both >= 170);
  CHECK(width < 0.07);
}
