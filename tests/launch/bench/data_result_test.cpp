// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/data.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Contains;

namespace {

// 1000 samples of 1024 tokens: 2.05 MB; plain pread takes 10 ms.
DataFigures some_figures() {
  DataFigures figures;
  figures.first_plain = figures.plain = {0.010, 0.009, 0.011};
  figures.first = {0.030, 0.031, 0.029};
  figures.steady = {0.011, 0.010, 0.012};
  figures.loader = {0.012, 0.013, 0.012};
  figures.labels = {0.0115, 0.0115, 0.0115};
  figures.order = {0.001, 0.001, 0.001};
  figures.tensors = {0.002, 0.002, 0.002};
  figures.step = {1.0, 1.0, 1.0};
  figures.seen = {0.001, 0.009, 0.001};
  figures.samples = 1000;
  figures.early = 10;
  figures.used = 2050;
  figures.first_bytes = 2 * 1000 * 2050;
  figures.early_bytes = 3 * 10 * 2050;
  figures.model_tokens = 2048;
  return figures;
}

}  // namespace

TEST_CASE("rows are medians over plain pread, with their floors and the loader's phases") {
  const nlohmann::json result = data_result({}, some_figures());
  CHECK(result["schema"] == "ergon.bench.v1");
  const nlohmann::json& cases = result["cases"];
  REQUIRE(cases.size() == 6);
  CHECK(cases[0]["ratio"].get<double>() == Approx(1.0 / 3));
  CHECK(cases[1]["value"].get<double>() == Approx(2.05 / 0.011));
  CHECK(cases[2]["ratio"].get<double>() == Approx(0.010 / 0.012));
  CHECK(cases[2]["baseline"]["name"] == "plain pread of the same windows");
  CHECK(cases[2]["phases"]["reading_thread"]["pread"].get<double>() == Approx(1e-5));
  CHECK(cases[2]["phases"]["reading_thread"]["tokens"].get<double>() == Approx(1e-6));
  CHECK(cases[2]["phases"]["reading_thread"]["labels_and_marks"].get<double>() == Approx(0.5e-6));
  CHECK(cases[2]["phases"]["training_thread"]["tensors"].get<double>() == Approx(2e-6));
  CHECK(cases[3]["value"].get<double>() == Approx(2));
  CHECK(cases[4]["value"].get<double>() == Approx(3));
  CHECK(cases[5]["value"].get<double>() == Approx(0.001));
  CHECK(cases[5]["held_up_to_tokens_per_second"].get<double>() == Approx(20480));
  for (int i = 1; i < 6; ++i) CHECK(cases[i]["floor"]["held"] == true);
  CHECK_THAT(data_text(result), Contains("steady, through the loader") && Contains("0.83 x plain pread of the same windows") &&
                                    Contains("(at least 0.8: held)") && Contains("(at most 4: held)") && Contains("(at most 0.01: held)"));
}

TEST_CASE("a floor that is not held is said; short samples have none for the bytes they read") {
  DataFigures figures = some_figures();
  figures.loader = {0.013, 0.013, 0.013};
  figures.seen = {0.011, 0.011, 0.011};
  figures.early_bytes = 5 * 10 * 2050;
  const nlohmann::json result = data_result({}, figures);
  const nlohmann::json& cases = result["cases"];
  for (int i : {2, 4, 5}) CHECK(cases[i]["floor"]["held"] == false);
  CHECK_THAT(data_text(result), Contains("(at least 0.8: NOT held)") && Contains("(at most 4: NOT held)"));
  DataJob shorter;
  shorter.sequence = 512;
  CHECK_FALSE(data_result(shorter, figures)["cases"][4].contains("floor"));
}
