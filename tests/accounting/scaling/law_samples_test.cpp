// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_samples.hpp"

#include <rapidcheck.h>

#include <cmath>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

struct SamplesRefusal {
  std::string problem, where;
};

SamplesRefusal samples_refused(const std::string& text) {
  try {
    read_samples_csv(text, "law.samples.csv");
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return {error.problem(), error.where()};
  }
  return {"accepted", ""};
}

const std::string head = "E,A,B,alpha,beta\n";

}  // namespace

TEST_CASE("samples as text and back") {
  const std::vector<ParametricLaw> samples = {{1.5, 400, 2e3, 0.35, 0.25}, {0, 1e-300, 1e300, 1.0 / 3, 0.1}};
  CHECK(samples_csv(samples) == head + "1.5,400,2000,0.35,0.25\n0,1e-300,1e+300,0.3333333333333333,0.1\n");
  CHECK(read_samples_csv(samples_csv(samples), "x") == samples);
}

TEST_CASE("property: samples read back to the same bits") {
  CHECK(rc::check([] {
    const auto number = [] { return std::exp(*rc::gen::inRange(-300000, 300000) / 1e3); };
    std::vector<ParametricLaw> samples(static_cast<std::size_t>(*rc::gen::inRange(1, 20)));
    for (ParametricLaw& sample : samples) sample = {number(), number(), number(), number(), number()};
    RC_ASSERT(read_samples_csv(samples_csv(samples), "x") == samples);
  }));
}

TEST_CASE("a bad row is named by its line") {
  CHECK(samples_refused("").problem == "holds no sample");
  CHECK(samples_refused(head).problem == "holds no sample");
  CHECK(samples_refused("E,A,B,beta,alpha\n").problem == "the header is not E,A,B,alpha,beta");
  CHECK(samples_refused("E,A,B,beta,alpha\n").where == "law.samples.csv:1");
  CHECK(samples_refused(head + "1,2,3,4,5\n1,2,3,4\n").where == "law.samples.csv:3");
  for (const char* row : {"1,2,3,4", "1,2,3,4,5,6", "1,2,,4,5", "1,2,x,4,5", "1,2,3,4,nan", "1,2,3,4,inf", "1,2,3,4,5 ", "", "1;2;3;4;5"})
    CHECK(samples_refused(head + row + "\n").problem == "a sample is five numbers between commas: E,A,B,alpha,beta");
  for (const char* row : {"-1,2,3,4,5", "1,0,3,4,5", "1,2,-3,4,5", "1,2,3,0,5", "1,2,3,4,-1"})
    CHECK(samples_refused(head + row + "\n").problem == "a sample has E of at least 0, and A, B, alpha and beta above 0");
  CHECK(samples_refused(head + "1,2,3,4,5").problem == "the last line is cut off");
  CHECK(samples_refused(head + "1,2,3,4,5").where == "law.samples.csv:2");
}
