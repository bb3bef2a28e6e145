// SPDX-License-Identifier: Apache-2.0
// What comes before all else where several tests are compiled together (tests/cmake/ergon_test.cmake): LibTorch's headers, if the test has
// them. After Catch's, their CHECK would end the process in place of Catch's; after a `using namespace ergon`, they would find two of some
// names.
#pragma once

#if __has_include(<ATen/Context.h>)
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Logging.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

// LibTorch writes any container to a stream, whether or not its elements can be written: Catch shall write containers itself.
namespace Catch::Detail {
template <typename T, typename Allocator>
class IsStreamInsertable<std::vector<T, Allocator>> {
 public:
  static const bool value = false;
};
template <typename K, typename V, typename Order, typename Allocator>
class IsStreamInsertable<std::map<K, V, Order, Allocator>> {
 public:
  static const bool value = false;
};
template <typename T, typename Order, typename Allocator>
class IsStreamInsertable<std::set<T, Order, Allocator>> {
 public:
  static const bool value = false;
};
template <typename A, typename B>
class IsStreamInsertable<std::pair<A, B>> {
 public:
  static const bool value = false;
};
}  // namespace Catch::Detail
#endif
