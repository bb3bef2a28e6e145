// SPDX-License-Identifier: Apache-2.0
// What may become of a file on a disk that fails, or in the hands of people.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>

namespace ergon::test {

using Random = std::mt19937_64;
std::int64_t below(Random& random, std::int64_t limit);

// Of one file that is there.
struct Damage {
  const char* name;
  void (*act)(const std::string& path, Random& random);
};
extern const std::array<Damage, 8> damages;

}  // namespace ergon::test
