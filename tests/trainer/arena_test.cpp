// SPDX-License-Identifier: Apache-2.0
#include "trainer/arena.hpp"

#include <set>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the second step takes what the first one took, without growing") {
  Arena arena;
  std::set<void*> first, second;
  for (int step = 0; step < 3; ++step) {
    const Arena::Frame frame(arena);
    for (const std::int64_t n : {1, 100, 3000000, 7, 9000000, 1}) {
      const at::Tensor x = arena.take({n, 2}, at::kFloat);
      CHECK(reinterpret_cast<std::uintptr_t>(x.data_ptr()) % 64 == 0);
      CHECK(x.is_contiguous());
      x.fill_(1.0);
      if (step == 0) first.insert(x.data_ptr());
      if (step == 2) second.insert(x.data_ptr());
    }
  }
  CHECK(first == second);
  CHECK(first.size() == 6);
  const std::int64_t growths = arena.growths();
  arena.reset();
  (void)arena.take({4}, at::kDouble);
  CHECK(arena.growths() == growths);
  CHECK(arena.reserved().value >= 12000000 * 8);
}

TEST_CASE("frames nest and tensors do not overlap") {
  Arena arena;
  const at::Tensor a = arena.take({10}, at::kFloat);
  a.fill_(1.0);
  void* inner = nullptr;
  {
    const Arena::Frame frame(arena);
    const at::Tensor b = arena.take({10}, at::kFloat);
    inner = b.data_ptr();
    b.fill_(2.0);
  }
  const at::Tensor c = arena.take({10}, at::kFloat);
  CHECK(c.data_ptr() == inner);
  CHECK(a.sum().item<float>() == 10.0f);
  CHECK(arena.take({0, 5}, at::kFloat).numel() == 0);
}
