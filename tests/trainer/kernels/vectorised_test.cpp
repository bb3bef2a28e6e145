// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/vectorised.hpp"

#include <ATen/ops/empty.h>

#include <atomic>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("rows are shared out without gap or overlap") {
  for (const std::int64_t rows : {0, 1, 7, 100000}) {
    std::atomic<std::int64_t> count = 0, sum = 0;
    for_rows(rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        ++count;
        sum += r;
      }
    });
    CHECK(count == rows);
    CHECK(sum == rows * (rows - 1) / 2);
  }
}

TEST_CASE("dispatch takes float and double and refuses the rest; data wants contiguous memory of the right size") {
  const at::Tensor x = at::empty({4, 6}, at::kFloat);
  dispatch(x, [](auto zero) { CHECK(sizeof(zero) == 4); });
  dispatch(x.to(at::kDouble), [](auto zero) { CHECK(sizeof(zero) == 8); });
  CHECK_THROWS_AS(dispatch(x.to(at::kLong), [](auto) {}), Bug);
  CHECK(data<float>(x, 24) == x.data_ptr<float>());
  CHECK_THROWS_AS(data<float>(x, 23), Bug);
  CHECK_THROWS_AS(data<float>(x.t(), 24), Bug);
}
