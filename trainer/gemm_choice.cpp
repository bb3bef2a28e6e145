// SPDX-License-Identifier: Apache-2.0
#include "trainer/gemm_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "parallel/plan/head_partition.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

constexpr double probe_limit = 0.4;    // seconds a library, besides the start of its process
constexpr double overall_limit = 5.0;  // seconds after which no further library is tried: the machine is too busy to tell them apart
constexpr double slow_rate = 5e10;     // FLOP/s a thread that a run is assumed to reach before anything is measured
constexpr double worthwhile = 60;      // seconds of products: a tenth of them gained pays for measuring several times over

// y[N, out] = x[N, in] W[out, in]^T and its two gradients.
void add_linear(std::vector<GemmProduct>& products, std::int64_t rows, std::int64_t in, std::int64_t out, std::int64_t count,
                Product y = Product::rounded) {
  products.push_back({rows, out, in, Transpose::no, Transpose::yes, count, y});
  products.push_back({rows, in, out, Transpose::no, Transpose::no, count});
  products.push_back({out, in, rows, Transpose::yes, Transpose::no, count, Product::exact});
}

struct Timed {
  std::string library;
  std::vector<double> seconds;
};

// Seconds a step spends in the first `n` products.
double total(const Timed& timed, const std::vector<GemmProduct>& products, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += timed.seconds[i] * static_cast<double>(products[i].count);
  return sum;
}

GemmChoice fastest(const std::vector<Timed>& all, const std::vector<GemmProduct>& products) {
  std::size_t n = products.size();
  for (const Timed& timed : all) n = std::min(n, timed.seconds.size());
  double flops = 0;
  for (std::size_t i = 0; i < n; ++i) flops += products[i].flops() * static_cast<double>(products[i].count);
  const Timed* best = &all.front();
  for (const Timed& timed : all)
    if (total(timed, products, n) < total(*best, products, n)) best = &timed;
  std::vector<std::string> others;
  for (const Timed& timed : all)
    if (&timed != best) others.push_back(fmt::format("{} {:.0f}", timed.library, flops / total(timed, products, n) / 1e9));
  GemmChoice choice{best->library, "", {}};
  choice.reason = fmt::format("GEMM library {}: {:.0f} GFLOP/s on this run's products{}{}", best->library,
                              flops / total(*best, products, n) / 1e9, others.empty() ? "" : "; ", fmt::join(others, ", "));
  return choice;
}

}  // namespace

std::vector<GemmProduct> step_products(const RunConfig& config, std::int64_t tp) {
  const ModelShape& m = config.model;
  const HeadPartition heads = partition_heads(m.heads, m.kv_heads, static_cast<int>(tp), 0);
  const std::int64_t rows = config.train.microbatch * m.sequence / config.mesh.cp,
                     steps = config.train.batch / (config.train.microbatch * config.mesh.dp), q = heads.num_query * m.head_width,
                     kv = heads.num_kv * m.head_width, ffn = m.ffn_width / tp;
  std::vector<GemmProduct> products;
  add_linear(products, rows, m.width, q + 2 * kv, m.layers * steps);
  add_linear(products, rows, q, m.width, m.layers * steps);
  add_linear(products, rows, m.width, m.mlp == Mlp::swiglu ? 2 * ffn : ffn, m.layers * steps);
  add_linear(products, rows, ffn, m.width, m.layers * steps);
  add_linear(products, rows, m.width, partition_vocabulary(m.vocabulary, static_cast<int>(tp), 0).rows, steps, Product::exact);
  std::stable_sort(products.begin(), products.end(), [](const GemmProduct& a, const GemmProduct& b) {
    return a.flops() * static_cast<double>(a.count) > b.flops() * static_cast<double>(b.count);
  });
  return products;
}

GemmChoice measure_gemm(const RunConfig& config, std::int64_t tp, double work, const GemmTimer& timer) {
  const std::string unmeasured = default_gemm_library(choice_name(config.train.dtype));
  if (!timer || work < worthwhile * slow_rate * static_cast<double>(config.run.threads))
    return {unmeasured, fmt::format("GEMM library {}{}", unmeasured, timer ? ": the run is too short for a measurement to pay" : ""), {}};
  const auto start = Clock::now();
  GemmProbe probe{"", choice_name(config.train.dtype), config.run.threads, {probe_limit}, step_products(config, tp)};
  std::vector<Timed> all;
  for (const std::string& name : gemm_candidates(probe.dtype)) {
    if (since(start).value > overall_limit) break;
    probe.library = name;
    std::vector<double> seconds = timer(probe);
    if (!seconds.empty()) all.push_back({name, std::move(seconds)});
  }
  GemmChoice choice = all.empty() ? GemmChoice{unmeasured, fmt::format("GEMM library {}: no library could be timed", unmeasured), {}}
                                  : fastest(all, probe.products);
  choice.seconds = since(start);
  choice.reason += fmt::format(" (measured in {:.1f} s)", choice.seconds.value);
  return choice;
}

namespace {

GemmChoice on_device(const RunConfig& config) {
  if (config.run.gemm != GemmName::automatic)
    throw Error(fmt::format("{} multiplies on CPUs, and this run's tensors are on a device", choice_name(config.run.gemm)), "run.gemm",
                "leave run.gemm out, or set run.device = \"cpu\"");
  return {device_gemm_library().name(), "matrix products by the device's own library", {}};
}

// Why the run cannot go on with the library that it used; empty: it can.
std::string why_not(const std::string& recorded) {
  if (recorded == device_gemm_library().name()) return "the run multiplied on a device";
  try {
    open_gemm_library(recorded);
    return "";
  } catch (const Error& error) {
    return fmt::format("{}, which the run used", error.what());
  }
}

// What rank 0 decides.
GemmChoice decide(const RunConfig& config, std::int64_t tp, double work, const std::optional<std::string>& recorded,
                  const GemmTimer& timer) {
  if (config.run.device != Device::cpu) return on_device(config);
  if (config.run.gemm != GemmName::automatic) {
    const std::string name = choice_name(config.run.gemm);
    return {name, fmt::format("GEMM library {}: asked for", name), {}};
  }
  if (!recorded) return measure_gemm(config, tp, work, timer);
  const std::string problem = why_not(*recorded);
  if (problem.empty()) return {*recorded, fmt::format("GEMM library {}: as before", *recorded), {}};
  GemmChoice choice = measure_gemm(config, tp, work, timer);
  choice.reason = fmt::format("{}: the loss continues, but not bit for bit; {}", problem, choice.reason);
  return choice;
}

}  // namespace

GemmChoice choose_gemm(const RunConfig& config, std::int64_t tp, double work, const std::optional<std::string>& recorded,
                       const GemmTimer& timer, Communicator& control) {
  const std::string agreed = on_rank_zero(control, [&] {
    const GemmChoice choice = decide(config, tp, work, recorded, timer);
    return nlohmann::json{choice.library, choice.reason, choice.seconds.value}.dump();
  });
  const nlohmann::json json = nlohmann::json::parse(agreed);
  return {json.at(0), json.at(1), {json.at(2).get<double>()}};
}

}  // namespace ergon
