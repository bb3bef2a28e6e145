// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/comparison.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "trainer/checkpoint/format.hpp"

namespace ergon {

namespace {

using Kind = TensorDifference::Kind;

double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

std::optional<TensorDifference> compare_values(const LazyTensor& first, const LazyTensor& second) {
  TensorDifference difference{.name = first.name};
  double largest = 0;
  const at::Tensor a = value_of(first), b = value_of(second);
  if (first.dtype == at::kLong) {  // a double does not hold every one
    difference.elements = a.ne(b).sum().item<std::int64_t>();
  }
  const at::Tensor a_double = a.to(at::kDouble), b_double = b.to(at::kDouble);
  const double *x = a_double.const_data_ptr<double>(), *y = b_double.const_data_ptr<double>();
  std::int64_t apart = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double d = distance(x[i], y[i]);
    apart += d != 0;
    difference.absolute = std::max(difference.absolute, d);
    if (std::isfinite(x[i])) largest = std::max(largest, std::abs(x[i]));
  }
  difference.elements = std::max(difference.elements, apart);
  if (difference.elements == 0) return {};
  difference.relative = difference.absolute == 0 ? 0 : difference.absolute / largest;
  return difference;
}

std::optional<TensorDifference> compare(const LazyTensor& first, const LazyTensor& second) {
  if (first.shape != second.shape)
    return TensorDifference{
        .name = first.name, .kind = Kind::other_shape, .first = extents_text(first.shape), .second = extents_text(second.shape)};
  if (first.dtype != second.dtype)
    return TensorDifference{
        .name = first.name, .kind = Kind::other_dtype, .first = stored_dtype_name(first.dtype), .second = stored_dtype_name(second.dtype)};
  return compare_values(first, second);
}

}  // namespace

const char* name(Kind kind) {
  switch (kind) {
    case Kind::only_in_first:
      return "only in the first";
    case Kind::only_in_second:
      return "only in the second";
    case Kind::other_shape:
      return "another shape";
    case Kind::other_dtype:
      return "another type";
    case Kind::other_values:
      break;
  }
  return "other values";
}

Comparison compare_tensors(const LazyTensors& first, const LazyTensors& second) {
  Comparison comparison;
  auto a = first.begin(), b = second.begin();
  while (a != first.end() || b != second.end()) {
    if (b == second.end() || (a != first.end() && a->name < b->name)) {
      comparison.differences.push_back({.name = (a++)->name, .kind = Kind::only_in_first});
    } else if (a == first.end() || b->name < a->name) {
      comparison.differences.push_back({.name = (b++)->name, .kind = Kind::only_in_second});
    } else {
      ++comparison.tensors;
      if (auto difference = compare(*a++, *b++)) comparison.differences.push_back(std::move(*difference));
    }
  }
  return comparison;
}

}  // namespace ergon
