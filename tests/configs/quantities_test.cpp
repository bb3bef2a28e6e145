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

  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    Flops flops{(static_cast<unsigned __int128>(random()) << 64 | random()) >> (random() % 128)};
    CHECK(parse_decimal(to_decimal(flops)) == flops);
  }
}

TEST_CASE("petaflop/s-days are the double nearest to the quotient of the two integers") {
  CHECK(to_pfs_days({0}).value == 0.0);
  CHECK(to_pfs_days(parse_decimal("8.64e19")).value == 1.0);
  CHECK(to_pfs_days(parse_decimal("174.6e9") * 300'000'000'000ull * 6).value == 3637.5);  // not 3637.4999999999995
  // As Python's float(Fraction(flops, 864 * 10**17)) has them.
  const std::pair<const char*, double> rows[] = {{"1", 0x1.b541936d8b01bp-67},
                                                 {"1000000", 0x1.a0fffdbd23e52p-47},
                                                 {"897988541999999999", 0x1.54920a46089e2p-7},
                                                 {"3e20", 0x1.bc71c71c71c72p+1},
                                                 {"3817000000000000000000007", 0x1.59247b425ed09p+15},
                                                 {"1e27", 0x1.61367425ed098p+23},
                                                 {"340282366920938463463374607431768211455", 0x1.b541936d8b01bp+61}};
  for (const auto& [flops, days] : rows) {
    INFO(flops);
    CHECK(to_pfs_days(parse_decimal(flops)).value == days);
  }

  std::mt19937_64 random(2);
  for (int i = 0; i < 1000; ++i) {
    // Whole days and days over 2^22, which divides 8.64e19, come out as they are.
    const std::uint64_t days = random() >> 12;
    CHECK(to_pfs_days(flops_per_pfs_day * days).value == static_cast<double>(days));
    CHECK(to_pfs_days(Flops{flops_per_pfs_day.value >> 22} * days).value == static_cast<double>(days) / (1 << 22));
    // Half way between two doubles the even one, a FLOP beside it the nearer one.
    const std::uint64_t even = (std::uint64_t{1} << 53) + (random() >> 20) * 4;
    const Flops tie = flops_per_pfs_day * (even + 1);
    CHECK(to_pfs_days(tie).value == static_cast<double>(even));
    CHECK(to_pfs_days({tie.value + 1}).value == static_cast<double>(even + 2));
    CHECK(to_pfs_days({tie.value - 1}).value == static_cast<double>(even));
    CHECK(to_pfs_days(flops_per_pfs_day * (even + 3)).value == static_cast<double>(even + 4));
  }
}

TEST_CASE("what is not a whole number below 2^128 is refused") {
  for (const char* text : {"", "-1", "1.5", "1e39", "12x", "1e-1", "340282366920938463463374607431768211456"}) {
    CHECK(test::refusal([&] { parse_decimal(text); }) ==
          fmt::format("'{}' is not a whole number below 2^128\n  hint: write for instance 174600000000 or 174.6e9", text));
  }
}
