// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/lazy_tensor.hpp"

#include <ATen/ops/arange.h>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

LazyTensor four() {
  return {"x", at::kDouble, {2, 2}, [] { return at::arange(4, at::kDouble).add(1.0 / 3).view({2, 2}); }};
}

}  // namespace

TEST_CASE("a lazy tensor is what it says, or a bug") {
  CHECK(value_of(four()).size(0) == 2);
  LazyTensor wrong = four();
  wrong.shape = {4};
  CHECK_THROWS_AS(value_of(wrong), Bug);
  wrong = four();
  wrong.dtype = at::kFloat;
  CHECK_THROWS_AS(value_of(wrong), Bug);
  wrong = four();
  wrong.read = [] { return four().read().t(); };
  CHECK_THROWS_AS(value_of(wrong), Bug);
}

TEST_CASE("conversion rounds when it is read, and is nothing to the same type") {
  const LazyTensor narrow = converted(four(), at::kFloat);
  CHECK(bytes_of(narrow) == 16);
  CHECK(value_of(narrow).equal(four().read().to(at::kFloat)));
  CHECK(value_of(converted(four(), at::kDouble)).equal(four().read()));
}

TEST_CASE("tensors are found by name") {
  const LazyTensors tensors = {four()};
  CHECK(find(tensors, "x") == &tensors.front());
  CHECK(find(tensors, "y") == nullptr);
}
