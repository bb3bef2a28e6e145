// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/sampler.hpp"

#include <algorithm>
#include <array>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/kernels/philox.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

// Frozen with the order itself: a resumed run must meet the same permutation.
constexpr std::uint32_t rounds = 8;

// Places that go through the network beside one another, where there are many.
constexpr std::size_t sampler_lanes = 16;

// Numbers under way, in two halves each.
template <std::size_t n>
struct Values {
  std::array<std::uint32_t, n> left{}, right{}, epoch_low{}, epoch_high{};

  std::uint64_t value(std::size_t lane, unsigned half_bits) const { return std::uint64_t{left[lane]} << half_bits | right[lane]; }
  void begin(std::size_t lane, std::int64_t epoch, std::int64_t index, unsigned half_bits) {
    const auto bits = static_cast<std::uint64_t>(index);
    left[lane] = static_cast<std::uint32_t>(bits >> half_bits);
    right[lane] = static_cast<std::uint32_t>(bits & ((std::uint64_t{1} << half_bits) - 1));
    epoch_low[lane] = static_cast<std::uint32_t>(epoch);
    epoch_high[lane] = static_cast<std::uint32_t>(epoch >> 32);
  }
  void move(std::size_t from, std::size_t to) {
    for (auto* words : {&left, &right, &epoch_low, &epoch_high}) (*words)[to] = (*words)[from];
  }
};

template <std::size_t n>
void permute(Values<n>& values, PhiloxKey key, unsigned half_bits) {
  const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << half_bits) - 1);
  for (std::uint32_t round = 0; round < rounds; ++round) {
#pragma omp simd
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t mixed = philox_word0(values.right[i], round, values.epoch_low[i], values.epoch_high[i], key[0], key[1]);
      const std::uint32_t next = (values.left[i] ^ mixed) & mask;
      values.left[i] = values.right[i];
      values.right[i] = next;
    }
  }
}

}  // namespace

Sampler::Sampler(std::int64_t seed, std::int64_t samples, std::int64_t identity)
    : seed_(seed ^ identity), samples_(samples), half_bits_(1) {
  ERGON_CHECK(samples >= 1 && samples <= (std::int64_t{1} << 62), "{} samples", samples);
  while ((std::uint64_t{1} << (2 * half_bits_)) < static_cast<std::uint64_t>(samples)) ++half_bits_;
}

std::int64_t Sampler::at(std::int64_t epoch, std::int64_t index) const {
  ERGON_CHECK(epoch >= 0 && index >= 0 && index < samples_, "place {} of {} in epoch {}", index, samples_, epoch);
  const PhiloxKey key = philox_key(seed_, Stream::sampler);
  Values<1> values;
  values.begin(0, epoch, index, half_bits_);
  do permute(values, key, half_bits_);
  while (values.value(0, half_bits_) >= static_cast<std::uint64_t>(samples_));
  return static_cast<std::int64_t>(values.value(0, half_bits_));
}

// A lane whose value is inside takes the next ordinal, so that few lanes walk for nothing.
void Sampler::at(std::span<const std::int64_t> ordinals, std::span<std::int64_t> samples) const {
  ERGON_CHECK(ordinals.size() == samples.size(), "{} ordinals, room for {} samples", ordinals.size(), samples.size());
  const PhiloxKey key = philox_key(seed_, Stream::sampler);
  Values<sampler_lanes> values;
  std::array<std::size_t, sampler_lanes> place{};
  std::size_t begun = 0, used = 0;
  const auto begin = [&](std::size_t lane) {
    ERGON_CHECK(ordinals[begun] >= 0, "place {} of a run", ordinals[begun]);
    values.begin(lane, ordinals[begun] / samples_, ordinals[begun] % samples_, half_bits_);
    place[lane] = begun++;
  };
  while (used < std::min(sampler_lanes, ordinals.size())) begin(used++);
  while (used > 0) {
    vectorised([&] { permute(values, key, half_bits_); });
    for (std::size_t lane = 0; lane < used; ++lane) {
      const std::uint64_t value = values.value(lane, half_bits_);
      if (value >= static_cast<std::uint64_t>(samples_)) continue;
      samples[place[lane]] = static_cast<std::int64_t>(value);
      if (begun < ordinals.size()) {
        begin(lane);
      } else {
        values.move(--used, lane);
        place[lane] = place[used];
        --lane;  // what came here is looked at next
      }
    }
  }
}

std::int64_t sampler_identity(const std::string& uuid) {
  return static_cast<std::int64_t>(std::stoull(sha256_hex("ergon source " + uuid).substr(0, 16), nullptr, 16));
}

}  // namespace ergon
