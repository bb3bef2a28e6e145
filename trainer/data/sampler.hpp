// SPDX-License-Identifier: Apache-2.0
// The order of samples as a pure function: within an epoch, a pseudo-random permutation of 0..N-1 (a balanced Feistel network whose round
// function is Philox, on the smallest even number of bits that holds N; results outside 0..N-1 are fed back until they are inside: cycle
// walking). O(1) memory, any index at once, no dependence on ranks, microbatches or the number of steps.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ergon {

class Sampler {
 public:
  // N >= 1 samples. Another identity gives another order: of a source among several, sampler_identity of its uuid.
  Sampler(std::int64_t seed, std::int64_t samples, std::int64_t identity = 0);

  std::int64_t samples() const { return samples_; }
  // The sample at place `index` of `epoch`; 0 <= index < samples().
  std::int64_t at(std::int64_t epoch, std::int64_t index) const;
  // The n-th sample of the run: at(n / samples(), n % samples()).
  std::int64_t at(std::int64_t ordinal) const { return at(ordinal / samples_, ordinal % samples_); }
  // The samples at many ordinals, several at a time: about twice as fast.
  void at(std::span<const std::int64_t> ordinals, std::span<std::int64_t> samples) const;

 private:
  std::int64_t seed_, samples_;
  unsigned half_bits_;
};

std::int64_t sampler_identity(const std::string& uuid);

}  // namespace ergon
