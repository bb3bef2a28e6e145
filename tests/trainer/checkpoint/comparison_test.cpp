// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/comparison.hpp"

#include <ATen/ops/tensor.h>

#include <cmath>

#include "tests/support/catch.hpp"

using namespace ergon;
using Kind = TensorDifference::Kind;

namespace {

template <typename T>
LazyTensor vector(const std::string& name, const std::vector<T>& values, at::ScalarType dtype) {
  return {name, dtype, {static_cast<std::int64_t>(values.size())}, [=] { return at::tensor(values, dtype); }};
}

LazyTensor numbers(const std::string& name, const std::vector<double>& values) { return vector(name, values, at::kDouble); }

}  // namespace

TEST_CASE("checkpoints are compared tensor by tensor, in order of the names") {
  const LazyTensors a = {numbers("a", {1}), numbers("b", {1, -4, 2}), numbers("c", {1}), numbers("d", {1, 2}), numbers("e", {0})};
  const LazyTensors b = {numbers("b", {1.5, -4, 1}), numbers("c", {1}), vector<double>("d", {1, 2}, at::kFloat), numbers("e", {0, 0}),
                         numbers("f", {})};
  const Comparison found = compare_tensors(a, b);
  CHECK(found.tensors == 4);
  REQUIRE(found.differences.size() == 5);
  CHECK(found.differences[0].kind == Kind::only_in_first);
  CHECK(found.differences[1].name == "b");
  CHECK(found.differences[1].kind == Kind::other_values);
  CHECK(found.differences[1].elements == 2);
  CHECK(found.differences[1].absolute == 1);
  CHECK(found.differences[1].relative == 0.25);
  CHECK(found.differences[2].kind == Kind::other_dtype);
  CHECK(found.differences[2].second == "float32");
  CHECK(found.differences[3].kind == Kind::other_shape);
  CHECK(found.differences[3].second == "[2]");
  CHECK(found.differences[4].kind == Kind::only_in_second);
  CHECK(std::string(name(Kind::other_shape)) == "another shape");
  CHECK(compare_tensors(a, a).differences.empty());
}

TEST_CASE("what is not a number is equal to itself and infinitely far from numbers; integers are exact") {
  const LazyTensors a = {numbers("x", {NAN, INFINITY, -0.0, NAN})};
  CHECK(compare_tensors(a, {numbers("x", {NAN, INFINITY, 0.0, NAN})}).differences.empty());
  const Comparison found = compare_tensors(a, {numbers("x", {NAN, -INFINITY, 0.0, 1})});
  REQUIRE(found.differences.size() == 1);
  CHECK(found.differences[0].elements == 2);
  CHECK(std::isinf(found.differences[0].absolute));
  const std::int64_t large = (std::int64_t{1} << 60) + 1;
  const Comparison integers =
      compare_tensors({vector<std::int64_t>("n", {large}, at::kLong)}, {vector<std::int64_t>("n", {large - 1}, at::kLong)});
  REQUIRE(integers.differences.size() == 1);
  CHECK(integers.differences[0].elements == 1);
}
