// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a random number is a pure function of (seed,
// stream, counter), so that initial weights, dropout and sample order are the same on any mesh. Everything below is frozen: checkpoints and
// golden files rely on it.
//
//   key     = low and high word of splitmix64(seed + stream * 0xD1B54A32D192ED03)
//   init    : counter = (element low, element high, hash low, hash high), element = index in the global parameter, hash = FNV-1a 64 of its
//   logical name dropout : counter = (step, layer * 8 + site, element low, element high), element = index in the global tensor of the step;
//   word 0 decides uniform = top 24 bits * 2^-24, in [0, 1) normal  = sqrt(-2 ln u) cos(2 pi v), u = ((words 1:0 >> 11) + 1) * 2^-53, v =
//   (words 3:2 >> 11) * 2^-53, in fp64 (Box and Muller)
//   token masks: counter = (place low, place high, position / 4, 0), place = of the sample in the run's order; word position % 4 decides
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ergon {

using PhiloxKey = std::array<std::uint32_t, 2>;
using PhiloxBlock = std::array<std::uint32_t, 4>;

enum class Stream : std::uint64_t {
  init = 0,
  embedding_dropout = 1,
  attention_dropout = 2,
  residual_dropout = 3,
  sampler = 4,
  bootstrap = 5,
  token_mask = 6
};

// One round's constants: multipliers and key increments of the paper.
inline constexpr std::uint32_t philox_m0 = 0xD2511F53u, philox_m1 = 0xCD9E8D57u, philox_w0 = 0x9E3779B9u, philox_w1 = 0xBB67AE85u;

constexpr PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{philox_m0} * counter[0], b = std::uint64_t{philox_m1} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + philox_w0, key[1] + philox_w1};
  }
  return counter;
}

// Word 0 of philox4x32({c0, c1, c2, c3}, {k0, k1}), in a form in which loops over counters vectorise.
constexpr std::uint32_t philox_word0(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                                     std::uint32_t k1) {
#pragma GCC unroll 10  // without it they do not
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{philox_m0} * c0, b = std::uint64_t{philox_m1} * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(a);
    k0 += philox_w0;
    k1 += philox_w1;
  }
  return c0;
}

std::uint64_t splitmix64(std::uint64_t x);
std::uint64_t fnv1a(std::string_view text);
PhiloxKey philox_key(std::int64_t seed, Stream stream);

constexpr float uniform24(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
// The standard normal of element `element` of the parameter whose name hashes to `name_hash`; key of Stream::init.
double normal(PhiloxKey key, std::uint64_t name_hash, std::uint64_t element);

}  // namespace ergon
