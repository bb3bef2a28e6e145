// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/sampler.hpp"

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/kernels/philox.hpp"

namespace ergon {
namespace {

// Frozen with the order itself: a resumed run must meet the same permutation.
constexpr std::uint32_t rounds = 8;

}  // namespace

Sampler::Sampler(std::int64_t seed, std::int64_t samples, std::int64_t identity)
    : seed_(seed ^ identity), samples_(samples), half_bits_(1) {
  ERGON_CHECK(samples >= 1 && samples <= (std::int64_t{1} << 62), "{} samples", samples);
  while ((std::uint64_t{1} << (2 * half_bits_)) < static_cast<std::uint64_t>(samples)) ++half_bits_;
}

std::int64_t Sampler::at(std::int64_t epoch, std::int64_t index) const {
  ERGON_CHECK(epoch >= 0 && index >= 0 && index < samples_, "place {} of {} in epoch {}", index, samples_, epoch);
  const PhiloxKey key = philox_key(seed_, Stream::sampler);
  const auto epoch_low = static_cast<std::uint32_t>(epoch), epoch_high = static_cast<std::uint32_t>(epoch >> 32);
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  auto value = static_cast<std::uint64_t>(index);
  do {
    std::uint64_t left = value >> half_bits_, right = value & mask;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const std::uint64_t mixed = philox4x32({static_cast<std::uint32_t>(right), round, epoch_low, epoch_high}, key)[0];
      const std::uint64_t next = (left ^ mixed) & mask;
      left = right;
      right = next;
    }
    value = left << half_bits_ | right;
  } while (value >= static_cast<std::uint64_t>(samples_));
  return static_cast<std::int64_t>(value);
}

std::int64_t sampler_identity(const std::string& uuid) {
  return static_cast<std::int64_t>(std::stoull(sha256_hex("ergon source " + uuid).substr(0, 16), nullptr, 16));
}

}  // namespace ergon
