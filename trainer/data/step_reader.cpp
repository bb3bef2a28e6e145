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
  const auto T = static_cast<std::size_t>(source.sequence());
  tokens_.resize(T + 1);
  segments_.resize(T + 1);
  counts_.resize(T);
  chosen_.resize(T);
}

at::Tensor StepReader::make_payload() const { return at::empty({shape_.accumulation, shape_.microbatch, 3, source_.sequence()}, at::kInt); }

StepCounts StepReader::fill(std::span<const std::int64_t> samples, std::span<const std::int64_t> places, const at::Tensor& payload_ABCT) {
  ERGON_CHECK(std::ssize(samples) == batch() && places.size() == samples.size(), "{} samples, {} places for a batch of {}", samples.size(),
              places.size(), batch());
  const auto T = static_cast<std::size_t>(source_.sequence());
  auto* out = payload_ABCT.data_ptr<std::int32_t>();
  StepCounts counts;
  if (shape_.objective.documents) counts.pairs.emplace();
  for (std::int64_t a = 0; a < shape_.accumulation; ++a) {
    for (std::int64_t b = 0; b < shape_.microbatch; ++b, out += 3 * T) {
      const auto at = static_cast<std::size_t>(first_sample(a) + b);
      const Rows rows{{out, T}, {out + T, T}, {out + 2 * T, T}};
      counts.valid += fill(samples[at], places[at], rows);
      if (counts.pairs) *counts.pairs += pairs(rows);
    }
  }
  return counts;
}

std::int64_t StepReader::fill(std::int64_t sample, std::int64_t place, const Rows& rows) {
  if (sample < 0) {
    std::ranges::fill(rows.tokens, 0);
    std::ranges::fill(rows.labels, static_cast<std::int32_t>(ignored_label));
    std::ranges::fill(rows.segments, 0);
    return 0;
  }
  const std::int64_t held = source_.read(sample, tokens_, segments_);
  std::ranges::fill(counts_, std::uint8_t{1});
  if (mask_) mask_(sample, counts_);
  std::fill(counts_.begin() + held, counts_.end(), std::uint8_t{0});  // padding
  std::copy_n(tokens_.begin(), rows.tokens.size(), rows.tokens.begin());
  std::copy_n(segments_.begin(), rows.segments.size(), rows.segments.begin());
  return shape_.objective.masked ? label_masked(place, rows) : label_next(rows);
}

// Where documents are kept apart, the first token of the next one is no continuation.
std::int64_t StepReader::label_next(const Rows& rows) {
  std::int64_t valid = 0;
  for (std::size_t t = 0; t < rows.labels.size(); ++t) {
    const bool counts = counts_[t] != 0 && (!shape_.objective.documents || segments_[t + 1] == segments_[t]);
    rows.labels[t] = counts ? tokens_[t + 1] : static_cast<std::int32_t>(ignored_label);
    valid += counts;
  }
  return valid;
}

std::int64_t StepReader::label_masked(std::int64_t place, const Rows& rows) {
  draw_masked(*shape_.objective.masked, place, chosen_);
  std::int64_t valid = 0;
  for (std::size_t t = 0; t < rows.labels.size(); ++t) {
    const bool counts = counts_[t] != 0 && chosen_[t] != 0;
    rows.labels[t] = counts ? tokens_[t] : static_cast<std::int32_t>(ignored_label);
    if (counts) rows.tokens[t] = shape_.objective.masked->token;
    valid += counts;
  }
  return valid;
}

PairCount StepReader::pairs(const Rows& rows) {
  const DocumentsApart& documents = *shape_.objective.documents;
  if (rows.segments.front() != rows.segments.back()) return pairs_of_sample(documents, rows.segments);
  if (!whole_) whole_ = pairs_of_sample(documents, rows.segments);
  return *whole_;
}

}  // namespace ergon
