// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/step_reader.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "configs/error.hpp"
#include "trainer/data/batch.hpp"

namespace ergon {

StepReader::StepReader(const TokenSource& source, LoaderShape shape, int dp, int dp_rank, LabelMask mask)
    : source_(source), shape_(shape), dp_(dp), dp_rank_(dp_rank), mask_(std::move(mask)) {
  ERGON_CHECK(shape.microbatch >= 1 && shape.accumulation >= 1 && shape.prefetch >= 1, "microbatch {}, accumulation {}, prefetch {}",
              shape.microbatch, shape.accumulation, shape.prefetch);
  tokens_.resize(static_cast<std::size_t>(source.sequence()) + 1);
  counts_.resize(static_cast<std::size_t>(source.sequence()));
}

at::Tensor StepReader::make_payload() const { return at::empty({shape_.accumulation, shape_.microbatch, 3, source_.sequence()}, at::kInt); }

std::int64_t StepReader::fill(std::span<const std::int64_t> samples, const at::Tensor& payload_ABCT) {
  ERGON_CHECK(std::ssize(samples) == batch(), "{} samples for a batch of {}", samples.size(), batch());
  const auto T = static_cast<std::size_t>(source_.sequence());
  auto* out = payload_ABCT.data_ptr<std::int32_t>();
  std::int64_t valid = 0;
  for (std::int64_t a = 0; a < shape_.accumulation; ++a) {
    for (std::int64_t b = 0; b < shape_.microbatch; ++b, out += 3 * T) {
      const std::int64_t sample = samples[static_cast<std::size_t>(first_sample(a) + b)];
      const std::span<std::int32_t> tokens(out, T), labels(out + T, T), segments(out + 2 * T, T);
      if (sample < 0) {
        std::ranges::fill(tokens, 0);
        std::ranges::fill(labels, static_cast<std::int32_t>(ignored_label));
        std::ranges::fill(segments, 0);
        continue;
      }
      source_.read(sample, tokens_, segments);
      std::ranges::fill(counts_, std::uint8_t{1});
      if (mask_) mask_(sample, counts_);
      std::copy_n(tokens_.begin(), T, tokens.begin());
      for (std::size_t t = 0; t < T; ++t) {
        labels[t] = counts_[t] ? tokens_[t + 1] : static_cast<std::int32_t>(ignored_label);
        valid += counts_[t] != 0;
      }
    }
  }
  return valid;
}

}  // namespace ergon
