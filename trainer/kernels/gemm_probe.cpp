// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm_probe.hpp"

#include <ATen/ops/full.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

at::ScalarType type_of(const std::string& dtype) {
  if (dtype == "float32") return at::kFloat;
  if (dtype == "float64") return at::kDouble;
  ERGON_CHECK(dtype == "bfloat16", "a GEMM probe of {}", dtype);
  return at::kBFloat16;
}

// One buffer an operand, as large as the largest product needs.
struct Buffers {
  Buffers(const std::vector<GemmProduct>& products, at::ScalarType dtype) {
    std::int64_t most[3] = {0, 0, 0};
    for (const GemmProduct& p : products) {
      const std::int64_t sizes[3] = {p.m * p.k, p.k * p.n, p.m * p.n};
      for (int i = 0; i < 3; ++i) most[i] = std::max(most[i], sizes[i]);
    }
    a = at::full({most[0]}, 0.5, dtype);
    b = at::full({most[1]}, 0.25, dtype);
    rounded = at::full({most[2]}, 0.0, dtype);
    exact = dtype == at::kBFloat16 ? at::full({most[2]}, 0.0, at::kFloat) : rounded;
  }
  const at::Tensor& c(Product product) const { return product == Product::exact ? exact : rounded; }
  at::Tensor a, b, rounded, exact;
};

at::Tensor operand(const at::Tensor& flat, std::int64_t rows, std::int64_t columns, Transpose transpose) {
  const at::Tensor part = flat.narrow(0, 0, rows * columns);
  return transpose == Transpose::yes ? part.view({columns, rows}) : part.view({rows, columns});
}

double time_once(const Gemm& gemm, const GemmProduct& p, const Buffers& buffers) {
  const at::Tensor a = operand(buffers.a, p.m, p.k, p.a), b = operand(buffers.b, p.k, p.n, p.b),
                   c = operand(buffers.c(p.c), p.m, p.n, Transpose::no);
  // The pool that pointwise kernels run on is awake before each product, as in a step.
  for_rows(at::get_num_threads(), 16384, [](std::int64_t, std::int64_t) {});
  const auto start = Clock::now();
  gemm(c, a, p.a, b, p.b);
  for_rows(at::get_num_threads(), 16384, [](std::int64_t, std::int64_t) {});
  return since(start).value;
}

}  // namespace

std::vector<double> time_products(const GemmProbe& probe) {
  constexpr int most_rounds = 10;
  FlopAudit audit;
  const Gemm gemm(audit, open_gemm_library(probe.library));
  const Buffers buffers(probe.products, type_of(probe.dtype));
  const auto start = Clock::now();
  std::vector<double> best;
  for (const GemmProduct& product : probe.products) {
    if (!best.empty() && since(start) > probe.limit) return best;
    time_once(gemm, product, buffers);  // kernels are generated, buffers packed
    best.push_back(time_once(gemm, product, buffers));
  }
  for (int round = 0; round < most_rounds; ++round)
    for (std::size_t i = 0; i < best.size(); ++i) {
      if (since(start) > probe.limit) return best;
      best[i] = std::min(best[i], time_once(gemm, probe.products[i], buffers));
    }
  return best;
}

std::string to_json(const GemmProbe& probe) {
  nlohmann::json products = nlohmann::json::array();
  for (const GemmProduct& p : probe.products)
    products.push_back({p.m, p.n, p.k, p.a == Transpose::yes, p.b == Transpose::yes, p.count, p.c == Product::exact});
  return nlohmann::json{
      {"library", probe.library}, {"dtype", probe.dtype}, {"threads", probe.threads}, {"limit", probe.limit.value}, {"products", products}}
      .dump();
}

GemmProbe gemm_probe_from_json(const std::string& text) {
  const auto read = [](bool transposed) { return transposed ? Transpose::yes : Transpose::no; };
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    GemmProbe probe{json.at("library"), json.at("dtype"), json.at("threads"), {json.at("limit").get<double>()}, {}};
    for (const auto& p : json.at("products"))
      probe.products.push_back(
          {p.at(0), p.at(1), p.at(2), read(p.at(3)), read(p.at(4)), p.at(5), p.at(6) ? Product::exact : Product::rounded});
    return probe;
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("not a GEMM probe: {}", error.what()), "gemm-probe", "this command is for ergon itself");
  }
}

}  // namespace ergon
