// SPDX-License-Identifier: Apache-2.0
#include "trainer/gemm_choice.hpp"

#include <algorithm>
#include <map>

#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/audit_totals.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

RunConfig job(const std::vector<std::string>& more = {}) {
  std::vector<std::string> keys = {"model.layers=3",      "model.width=64",     "model.heads=4",        "model.kv_heads=2",
                                   "model.head_width=24", "model.ffn_width=96", "model.vocabulary=257", "model.sequence=16",
                                   "model.mlp=swiglu",    "train.batch=8",      "train.microbatch=2",   "data.train=[\"x\"]",
                                   "run.folder=\"none\""};
  keys.insert(keys.end(), more.begin(), more.end());
  return parse_run_text("", "test", keys);
}

constexpr double enough = 1e18;  // FLOPs of work that any measurement pays for

GemmChoice agreed(const RunConfig& config, const std::optional<std::string>& recorded, const GemmTimer& timer) {
  GemmChoice choice;
  run_local_ranks(1, [&](std::unique_ptr<Communicator> world) { choice = choose_gemm(config, 1, enough, recorded, timer, *world); });
  return choice;
}

// Seconds a product by library; libraries not named fail.
GemmTimer stand_in(std::map<std::string, std::vector<double>> seconds) {
  return [seconds = std::move(seconds)](const GemmProbe& probe) {
    const auto found = seconds.find(probe.library);
    return found == seconds.end() ? std::vector<double>() : found->second;
  };
}

}  // namespace

TEST_CASE("the products of a step are those that the accounting predicts, heaviest first") {
  for (const char* mlp : {"model.mlp=swiglu", "model.mlp=gelu"}) {
    const RunConfig config = job({mlp});
    const auto products = step_products(config, 1);
    double listed = 0, predicted = 0;
    for (const GemmProduct& p : products) listed += p.flops() * static_cast<double>(p.count);
    for (const PhaseFlops& phase : predicted_totals(config, {}, config.train.batch)) predicted += static_cast<double>(phase.gemm.value);
    CHECK(listed == predicted);
    CHECK(std::ranges::is_sorted(products, std::greater(), [](const GemmProduct& p) { return p.flops() * static_cast<double>(p.count); }));
  }
  const auto halves = step_products(job(), 2);
  CHECK(std::ranges::count(halves, GemmProduct{32, 64, 48, Transpose::no, Transpose::yes, 12}) ==
        2);  // attention output, 2 heads of 24, and the MLP's second, 96 / 2
  // Weight gradients and logits are kept in the accumulator type.
  CHECK(std::ranges::count(halves, Product::exact, &GemmProduct::c) == 5 + 1);
}

TEST_CASE("the fastest on the products that all finished is chosen, failures are out") {
  // Product 0 is the heaviest; openblas loses on it and finishes no other.
  const GemmTimer timer = stand_in({{"mkl", {2.0, 2.0, 2.0}}, {"openblas", {3.0}}, {"mkl-generic", {2.5, 0.1, 0.1}}});
  const GemmChoice choice = measure_gemm(job(), 1, enough, timer);
  CHECK(choice.library == "mkl");
  CHECK(choice.seconds.value > 0);
  CHECK_THAT(choice.reason, Catch::StartsWith("GEMM library mkl: ") && Catch::Contains("openblas") && !Catch::Contains("onednn"));
  CHECK(measure_gemm(job(), 1, enough, stand_in({{"mkl", {2.0}}, {"openblas", {1.0}}})).library == "openblas");
  CHECK(measure_gemm(job(), 1, enough, stand_in({})).library == "mkl");
  CHECK_THAT(measure_gemm(job(), 1, enough, stand_in({})).reason, Catch::Contains("no library could be timed"));
}

TEST_CASE("a short run, or one that nobody can time for, measures nothing") {
  const GemmTimer never = [](const GemmProbe&) -> std::vector<double> { throw std::runtime_error("measured"); };
  CHECK(measure_gemm(job(), 1, 1e9, never).library == "mkl");
  CHECK_THAT(measure_gemm(job(), 1, 1e9, never).reason, Catch::Contains("too short"));
  CHECK(measure_gemm(job(), 1, enough, nullptr).seconds.value == 0);
  CHECK_THROWS(measure_gemm(job(), 1, enough, never));
}

TEST_CASE("what was asked for and what was recorded are used without measuring") {
  const GemmTimer never = [](const GemmProbe&) -> std::vector<double> { throw std::runtime_error("measured"); };
  CHECK(agreed(job({"run.gemm=mkl-float32"}), "mkl", never).library == "mkl-float32");
  const GemmChoice again = agreed(job(), "mkl-float32", never);
  CHECK(again.library == "mkl-float32");
  CHECK_THAT(again.reason, Catch::Contains("as before"));
}

TEST_CASE("where the recorded library is missing the run says so and measures anew") {
  const GemmChoice choice = agreed(job(), "gone", stand_in({{"mkl", {1.0}}, {"openblas", {0.5}}}));
  CHECK(choice.library == "openblas");
  CHECK_THAT(choice.reason, Catch::Contains("\"gone\"") && Catch::Contains("not bit for bit") && Catch::Contains("openblas"));
}

TEST_CASE("a run that moves from a device to this CPU says so and measures") {
  const GemmChoice choice = agreed(job(), device_gemm_library().name(), stand_in({{"mkl", {1.0}}, {"openblas", {0.5}}}));
  CHECK(choice.library == "openblas");
  CHECK_THAT(choice.reason,
             Catch::StartsWith("the run multiplied on a device: the loss continues, but not bit for bit; GEMM library openblas"));
}

TEST_CASE("rank 0 decides for all") {
  run_local_ranks(2, [](std::unique_ptr<Communicator> world) {
    const GemmTimer timer = world->rank() == 0 ? stand_in({{"mkl", {2.0}}, {"openblas", {1.0}}}) : nullptr;
    const GemmChoice choice = choose_gemm(job(), 1, enough, std::nullopt, timer, *world);
    if (choice.library != "openblas" || choice.reason.empty() || choice.seconds.value <= 0) throw std::runtime_error("ranks differ");
  });
}
