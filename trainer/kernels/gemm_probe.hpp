// SPDX-License-Identifier: Apache-2.0
// How fast a library multiplies the matrices of a run: each product timed alone, between pointwise work on the same thread pool, as a step
// does it (a library with threads of its own pays here for two pools on the same cores).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/kernels/gemm.hpp"

namespace ergon {

// c[m, n] = op(a) op(b), `count` times a step; c is of the operands' type, or of its accumulator type (weight gradients, logits).
enum class Product { rounded, exact };
struct GemmProduct {
  std::int64_t m, n, k;
  Transpose a, b;
  std::int64_t count;
  Product c = Product::rounded;
  double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
  bool operator==(const GemmProduct&) const = default;
};

struct GemmProbe {
  std::string library, dtype;  // "mkl", "float32"
  std::int64_t threads = 1;
  Seconds limit = {0.5};
  std::vector<GemmProduct> products;  // the heaviest first
};

// Seconds of each product, the best of what fits the limit; fewer than asked for when the limit came first (at least one).
std::vector<double> time_products(const GemmProbe& probe);

// The text that a probe travels in to another process, and back.
std::string to_json(const GemmProbe& probe);
GemmProbe gemm_probe_from_json(const std::string& text);

}  // namespace ergon
