// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/split_choice.hpp"

#include <utility>

#include "configs/error.hpp"

namespace ergon {

void check_fractions(const SplitFractions& fractions) {
  for (const auto& [value, key] : {std::pair(fractions.validation, "--valid"), std::pair(fractions.test, "--test")})
    if (!(value >= 0 && value < 1))
      throw Error(fmt::format("{} is not a fraction", value), key, "give a number from 0 up to, but not including, 1");
  if (fractions.validation + fractions.test >= 1)
    throw Error(fmt::format("{} + {} leaves no document for training", fractions.validation, fractions.test), "--valid, --test",
                "give smaller fractions");
}

double split_place(Sha256& hash) { return split_place(hash.digest()); }

double split_place(const std::array<std::byte, 32>& digest) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | std::to_integer<std::uint64_t>(digest[static_cast<std::size_t>(i)]);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

Split split_at(double place, const SplitFractions& fractions) {
  return place < fractions.validation ? Split::validation : place < fractions.validation + fractions.test ? Split::test : Split::train;
}

}  // namespace ergon
