// SPDX-License-Identifier: Apache-2.0
#include "configs/quantities.hpp"

#include <random>
#include <type_traits>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

template <typename A, typename B>
concept Addable = requires(A a, B b) {
  a + b;
};
static_assert(Addable<Tokens, Tokens> && !Addable<Tokens, Bytes> && !Addable<Seconds, double> && !Addable<Flops, PfsDays>);

TEST_CASE("FLOPs are exact beyond 64 and beyond double precision") {
  CHECK(to_decimal(Flops{0}) == "0");
  CHECK(to_decimal(parse_decimal("174.6e9") * 300'000'000'000ull * 6) == "314280000000000000000000");
  CHECK(to_decimal(parse_decimal("1e27") + Flops{1}) == "1000000000000000000000000001");
  CHECK(to_decimal(parse_decimal("340282366920938463463374607431768211455")) == "340282366920938463463374607431768211455");
  CHECK(to_pfs_days(parse_decimal("8.64e19")).value == 1.0);

  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    Flops flops{(static_cast<unsigned __int128>(random()) << 64 | random()) >> (random() % 128)};
    CHECK(parse_decimal(to_decimal(flops)) == flops);
  }
}

TEST_CASE("what is not a whole number below 2^128 is refused") {
  for (const char* text : {"", "-1", "1.5", "1e39", "12x", "1e-1", "340282366920938463463374607431768211456"}) {
    CHECK(test::refusal([&] { parse_decimal(text); }) ==
          fmt::format("'{}' is not a whole number below 2^128\n  hint: write for instance 174600000000 or 174.6e9", text));
  }
}
