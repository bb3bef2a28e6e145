// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/philox.hpp"

#include <cmath>
#include <numbers>

namespace ergon {

std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

PhiloxKey philox_key(std::int64_t seed, Stream stream) {
  const std::uint64_t mixed = splitmix64(static_cast<std::uint64_t>(seed) + static_cast<std::uint64_t>(stream) * 0xD1B54A32D192ED03ull);
  return {static_cast<std::uint32_t>(mixed), static_cast<std::uint32_t>(mixed >> 32)};
}

double normal(PhiloxKey key, std::uint64_t name_hash, std::uint64_t element) {
  const PhiloxBlock w = philox4x32({static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32),
                                    static_cast<std::uint32_t>(name_hash), static_cast<std::uint32_t>(name_hash >> 32)},
                                   key);
  const auto high53 = [](std::uint32_t low, std::uint32_t high) { return ((std::uint64_t{high} << 32) | low) >> 11; };
  const double u = static_cast<double>(high53(w[0], w[1]) + 1) * 0x1p-53, v = static_cast<double>(high53(w[2], w[3])) * 0x1p-53;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace ergon
