// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/columns.hpp"

#include <ATen/Parallel.h>

#include <vector>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("column sums visit every row of every column once, on any number of threads") {
  const int threads = at::get_num_threads();
  for (const int n : {1, 2})
    for (const std::int64_t columns : {1, 15, 16, 100, 5000}) {
      at::set_num_threads(n);
      std::vector<double> sums(static_cast<std::size_t>(columns), 7.0);
      sum_columns<double>(sums.data(), 130, columns, Write::overwrite,
                          [](double* out, std::int64_t row, std::int64_t first, std::int64_t count) {
                            for (std::int64_t i = 0; i < count; ++i) out[i] += static_cast<double>(row * (first + i));
                          });
      int wrong = 0;
      for (std::int64_t i = 0; i < columns; ++i) wrong += sums[static_cast<std::size_t>(i)] != static_cast<double>(130 * 129 / 2 * i);
      CHECK(wrong == 0);
    }
  at::set_num_threads(threads);
}

TEST_CASE("column sums in blocks lose less than a running sum") {
  float sum = 0.0f;
  sum_columns<float>(&sum, 1 << 20, 1, Write::overwrite, [](float* out, std::int64_t, std::int64_t, std::int64_t) { *out += 0.1f; });
  CHECK(sum == Approx(104857.6).epsilon(1e-3));  // a running sum ends at 100958
}
