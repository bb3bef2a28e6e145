// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_toml.hpp"

#include <rapidcheck.h>

#include <cmath>

#include "accounting/scaling/law_samples.hpp"
#include "configs/error.hpp"
#include "configs/sha256.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string no_samples(const std::string& file, const std::string& where) {
  FAIL("asked for " << file << " at " << where);
  return "";
}

ScalingLaw everything() {
  ScalingLaw law;
  law.name = "mine";
  law.title = "A \"quoted\" title\nof two lines";
  law.source = "ergon fit";
  law.traps = {"one", "two \\ three"};
  law.definitions = {"matmul", "exact", "nats a token", "wiki", "bytes"};
  law.domain = {Bounds{1e6, 1e9}, Bounds{1e8, 1e11}, Bounds{1e15, 1.5e21}};
  law.loss_law = {1.5, 400.25, 2000, 1.0 / 3, 0.1};
  law.allocation = {{0.1, 0.5}, PowerLaw{1.7, 0.5018543}, false};
  law.repetition = {15.4, 5.3};
  law.hyperparameters = {{"learning_rate", 1.79, -0.713, 0.307, 0, "noted", -1e-4}, {"batch_tokens", 0.58, 0, 0.571, 0.25, "", 0}};
  law.fit = {1e-3, 7, std::string(64, 'a'), 240, 0.8};
  law.samples = {{1.4, 399, 1999, 0.3, 0.2}, {1.6, 401, 2001, 0.4, 0.1}};
  law.samples_note = "by hand";
  law.joint_law = {6.4e13, 1.8e13, 0.076, 0.103};
  law.frontier_loss = {26.4, -0.05};
  return law;
}

ScalingLaw back(const ScalingLaw& law) {
  return parse_law(law_toml(law, "mine.samples.csv"), law.name, "mine.toml", [&](const std::string& file, const std::string&) {
    CHECK(file == "mine.samples.csv");
    return samples_csv(law.samples);
  });
}

// The least that is a law, with lines of [loss] and of further sections to choose.
std::string law_text(const std::string& loss = "E = 1\nA = 2\nB = 3\nalpha = 0.5\nbeta = 0.5\n", const std::string& rest = "") {
  return "schema = 'ergon.law.v1'\ntitle = ''\nsource = ''\ntraps = []\n[definitions]\nparameters = 'total'\ncompute = '6n'\nloss = "
         "'nats'\n"
         "data_set = ''\ntokenizer = ''\n[loss]\n" +
         loss + rest;
}

std::string toml_refused(const std::string& text, const std::string& samples = "") {
  try {
    parse_law(text, "x", "x.toml", [&](const std::string&, const std::string&) { return samples; });
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.problem();
  }
  return "accepted";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("a law with everything reads back, member by member") {
  const ScalingLaw law = everything(), read = back(law);
  CHECK(law_toml(read, "mine.samples.csv") == law_toml(law, "mine.samples.csv"));
  CHECK(read.name == "mine");
  CHECK(read.title == law.title);
  CHECK(read.traps == law.traps);
  CHECK(read.definitions.parameters == "matmul");
  CHECK(read.definitions.tokenizer == "bytes");
  CHECK(read.domain.flops->high == 1.5e21);
  CHECK(*read.loss_law == *law.loss_law);
  CHECK(read.allocation->printed_tokens->exponent == 0.5018543);
  CHECK_FALSE(read.allocation->parameters_are_flops_per_token);
  CHECK(read.repetition->parameter_half_life == 5.3);
  REQUIRE(read.hyperparameters.size() == 2);
  CHECK(read.hyperparameters[0].note == "noted");
  CHECK(read.hyperparameters[0].log_n == -1e-4);
  CHECK(read.hyperparameters[1].c_exponent == 0.25);
  CHECK(read.fit->seed == 7);
  CHECK(read.fit->input_sha256 == std::string(64, 'a'));
  CHECK(read.fit->rows == 240);
  CHECK(read.samples == law.samples);
  CHECK(read.samples_note == "by hand");
  CHECK(read.joint_law->d_c == 1.8e13);
  CHECK(read.frontier_loss->exponent == -0.05);
}

TEST_CASE("what a law lacks is absent after reading, too") {
  const ScalingLaw read = parse_law(law_text(), "x", "x.toml", no_samples);
  CHECK(read.loss_law);
  CHECK_FALSE(read.allocation);
  CHECK_FALSE(read.domain.flops);
  CHECK_FALSE(read.fit);
  CHECK(read.hyperparameters.empty());
  CHECK(read.samples.empty());
  ScalingLaw deepseek = everything();
  deepseek.loss_law.reset();
  deepseek.samples.clear();
  deepseek.repetition.reset();
  deepseek.allocation->parameters_are_flops_per_token = true;
  CHECK(back(deepseek).allocation->parameters_are_flops_per_token);
  deepseek.fit->huber_delta.reset();
  CHECK_FALSE(back(deepseek).fit->huber_delta);
  CHECK(back(deepseek).fit->rows == 240);
}

TEST_CASE("property: coefficients read back to the same bits") {
  CHECK(rc::check([] {
    const auto number = [] { return std::exp(*rc::gen::inRange(-300000, 300000) / 1e3); };
    ScalingLaw law;
    law.loss_law = ParametricLaw{number(), number(), number(), number(), number()};
    law.fit = LawFit{number(), static_cast<std::uint64_t>(*rc::gen::inRange<std::int64_t>(0, INT64_MAX)), "", 1, 0.5};
    const ScalingLaw read = parse_law(law_toml(law, ""), "x", "x", no_samples);
    RC_ASSERT(*read.loss_law == *law.loss_law);
    RC_ASSERT(read.fit->huber_delta == law.fit->huber_delta);
    RC_ASSERT(read.fit->seed == law.fit->seed);
  }));
}

TEST_CASE("property: texts read back, whatever characters they hold") {
  CHECK(rc::check([] {
    ScalingLaw law;
    law.loss_law = ParametricLaw{1, 1, 1, 1, 1};
    law.title = *rc::gen::container<std::string>(rc::gen::map(rc::gen::inRange(1, 127), [](int c) { return static_cast<char>(c); }));
    law.traps = {law.title, ""};
    const ScalingLaw read = parse_law(law_toml(law, ""), "x", "x", no_samples);
    RC_ASSERT(read.title == law.title);
    RC_ASSERT(read.traps == law.traps);
  }));
}

TEST_CASE("a number that is none is a bug of the writer") {
  ScalingLaw law;
  law.loss_law = ParametricLaw{std::nan(""), 1, 1, 1, 1};
  CHECK_THROWS_AS(law_toml(law, ""), Bug);
}

TEST_CASE("mistakes of a law file are named by line and column") {
  CHECK(toml_refused(law_text()) == "accepted");
  CHECK(toml_refused(replaced(law_text(), "law.v1", "law.v2")) ==
        "x.toml:1:1: schema is not ergon.law.v1, the only one that this version of Ergon reads");
  CHECK(toml_refused(replaced(law_text(), "title = ''\n", "")) == "x.toml: title is missing");
  CHECK(toml_refused(replaced(law_text(), "compute = '6n'\n", "")) == "x.toml:5:2: definitions.compute is missing");
  CHECK(toml_refused(law_text("E = 1\nA = 2\nB = 3\nalpha = 0.5\n")) == "x.toml:11:2: loss.beta is missing");
  CHECK(toml_refused(law_text("E = -1\nA = 2\nB = 3\nalpha = 0.5\nbeta = 1\n")) ==
        "x.toml:12:1: loss.E takes a number of at least 0, not -1");
  CHECK(toml_refused(law_text("E = 1\nA = 0\nB = 3\nalpha = 0.5\nbeta = 1\n")) == "x.toml:13:1: loss.A takes a number above 0, not 0");
  CHECK(
      toml_refused(law_text("E = 1\nA = nan\nB = 3\nalpha = 0.5\nbeta = 1\n")).starts_with("x.toml:13:1: loss.A takes a number, not nan"));
  CHECK(toml_refused(law_text("E = 1\nA = 'two'\nB = 3\nalpha = 0.5\nbeta = 1\n")) == "x.toml:13:1: loss.A takes a number, not 'two'");
  CHECK(toml_refused(replaced(law_text(), "beta = 0.5", "beta = 0.5\ngamma = 1")) ==
        "x.toml:17:1: there is no key loss.gamma in a law file");
  CHECK(toml_refused("a = \n").starts_with("x.toml:1:"));
  CHECK(
      toml_refused(replaced(law_text(), "[loss]\nE = 1\nA = 2\nB = 3\nalpha = 0.5\nbeta = 0.5\n", "")).starts_with("x.toml: gives no law"));
}

TEST_CASE("mistakes of further sections") {
  const auto with = [](const std::string& rest) { return toml_refused(replaced(law_text(), "[loss]", rest + "[loss]")); };
  CHECK(with("[domain]\nflops = [2, 1]\n") == "x.toml:12:1: domain.flops takes [low, high], both above 0, the lower first");
  CHECK(with("[domain]\nflops = [0, 1]\n") == "x.toml:12:1: domain.flops takes [low, high], both above 0, the lower first");
  CHECK(with("[domain]\nflops = 3\n") == "x.toml:12:1: domain.flops takes [low, high], not 3");
  CHECK(with("[allocation]\nparameters = [0, 1]\n") == "x.toml:12:1: allocation.parameters takes a coefficient above 0");
  CHECK(with("[allocation]\nparameters = [1, 0]\n") == "x.toml:12:1: allocation.parameters takes an exponent above 0: N grows with C");
  CHECK(with("[allocation]\n") == "x.toml:11:2: allocation.parameters is missing");
  CHECK(with("[allocation]\nflops_per_token = [1, 1]\nparameters = [1, 1]\n") ==
        "x.toml:13:1: there is no key allocation.parameters in a law file");
  CHECK(with("[joint_loss]\nN_c = 1\nD_c = 1\nalpha_N = 1\nalpha_D = -1\n") ==
        "x.toml:15:1: joint_loss.alpha_D takes a number above 0, not -1");
  CHECK(with("[frontier]\n") == "x.toml:11:2: frontier.loss is missing");
  CHECK(with("[repetition]\ndata_half_life = 1\nparameter_half_life = 0\n") ==
        "x.toml:13:1: repetition.parameter_half_life takes a number above 0, not 0");
  CHECK(with("[hyperparameters.dropout]\n") == "x.toml:11:18: there is no section [hyperparameters.dropout] in a law file");
  CHECK(with("[hyperparameters.learning_rate]\ncoefficient = 1\n") == "x.toml:11:18: hyperparameters.learning_rate.n_exponent is missing");
  CHECK(toml_refused(law_text() + "[fit]\nseed = 1\n") == "x.toml:17:2: fit.huber_delta is missing");
  CHECK(with("[fit]\nhuber_delta = 1\nseed = -1\n") == "x.toml:13:1: fit.seed takes a whole number >= 0, not -1");
  CHECK(with("[fit]\nhuber_delta = 1\nseed = 1\ninput_sha256 = ''\nrows = 0\n") ==
        "x.toml:15:1: fit.rows takes a whole number >= 1, not 0");
  CHECK(with("[fit]\nhuber_delta = 1\nseed = 1\ninput_sha256 = ''\nrows = 9\nlevel = 1\n") ==
        "x.toml:16:1: fit.level takes a number below 1");
  CHECK(with("[losses]\n") == "x.toml:11:2: there is no section [losses] in a law file");
}

TEST_CASE("samples of another fit, damaged ones and ones without a law are refused") {
  const std::string samples = "E,A,B,alpha,beta\n1,2,3,4,5\n", bad = "E,A,B,alpha,beta\n1,2,3,4\n";
  const auto section = [](const std::string& file, const std::string& sum) {
    return replaced(law_text(), "[loss]", "[samples]\nfile = '" + file + "'\nsha256 = '" + sum + "'\n[loss]");
  };
  CHECK(toml_refused(section("s.csv", sha256_hex(samples)), samples) == "accepted");
  CHECK(toml_refused(section("s.csv", sha256_hex(samples)), samples + "1,2,3,4,6\n").starts_with("x.toml:13:1: s.csv has the SHA-256 "));
  CHECK(toml_refused(section("s.csv", sha256_hex(bad)), bad).starts_with("s.csv:2: a sample is five numbers"));
  CHECK(toml_refused(section("../s.csv", ""), samples) == "x.toml:12:1: samples.file takes the name of a file in the law file's folder");
  CHECK(toml_refused(section("", ""), samples) == "x.toml:12:1: samples.file takes the name of a file in the law file's folder");
  CHECK(toml_refused(replaced(law_text(), "[loss]\nE = 1\nA = 2\nB = 3\nalpha = 0.5\nbeta = 0.5\n", "[samples]\nfile = 's'\nsha256 = ''\n"),
                     samples) == "x.toml:12:1: samples.file needs a [loss]: samples are re-fits of it");
  CHECK(toml_refused(replaced(law_text(), "[loss]\nE = 1\nA = 2\nB = 3\nalpha = 0.5\nbeta = 0.5\n",
                              "[repetition]\ndata_half_life = 1\nparameter_half_life = 1\n")) ==
        "x.toml:12:1: repetition.data_half_life needs a [loss], whose N and D it changes");
}
