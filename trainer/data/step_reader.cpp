// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/step_reader.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

#include "configs/error.hpp"
#include "trainer/data/widen_ids.hpp"

namespace ergon {

StepReader::StepReader(const TokenSource& source, LoaderShape shape, int dp, int dp_rank, LabelMask mask)
    : source_(source), shape_(shape), dp_(dp), dp_rank_(dp_rank), mask_(std::move(mask)) {
  ERGON_CHECK(shape.microbatch >= 1 && shape.accumulation >= 1 && shape.prefetch >= 1, "microbatch {}, accumulation {}, prefetch {}",
              shape.microbatch, shape.accumulation, shape.prefetch);
  ERGON_CHECK(shape.token_bytes == 4 || shape.token_bytes == source.token_bytes(), "{} bytes for ids of {}", shape.token_bytes,
              source.token_bytes());
  const auto T = static_cast<std::size_t>(source.sequence());
  segments_.resize(T);
  chosen_.resize(T);
  is_prompt_.resize(T + 1);
  stored_.resize((T + 1) * static_cast<std::size_t>(source.token_bytes()));
}

at::Tensor StepReader::make_payload() const { return at::zeros({shape_.accumulation, shape_.microbatch, row_words()}, at::kInt); }

StepCounts& StepCounts::operator+=(const StepCounts& more) {
  valid += more.valid;
  add_pairs(pairs, more.pairs);
  return *this;
}

StepCounts StepReader::fill(std::span<const std::int64_t> samples, std::span<const std::int64_t> places, const at::Tensor& payload_ABW) {
  return fill(samples, places, payload_ABW, 0, own_samples());
}

StepCounts StepReader::fill(std::span<const std::int64_t> samples, std::span<const std::int64_t> places, const at::Tensor& payload_ABW,
                            std::int64_t first, std::int64_t count) {
  ERGON_CHECK(std::ssize(samples) == batch() && places.size() == samples.size(), "{} samples, {} places for a batch of {}", samples.size(),
              places.size(), batch());
  ERGON_CHECK(first >= 0 && count >= 0 && first + count <= own_samples(), "samples {} + {} of {}", first, count, own_samples());
  StepCounts counts;
  if (shape_.objective.documents) counts.pairs.emplace();
  for (std::int64_t i = first; i < first + count; ++i) {
    const auto at = static_cast<std::size_t>(first_sample(i / shape_.microbatch) + i % shape_.microbatch);
    PayloadRow row(payload_ABW.data_ptr<std::int32_t>() + i * row_words(), source_.sequence(), shape_.token_bytes);
    if (shape_.objective.documents) expect(samples, i);
    fill(samples[at], places[at], row);
    counts.valid += row.valid;
    if (counts.pairs) *counts.pairs += pairs(row);
  }
  return counts;
}

// Of this rank's samples the ones behind the `number`-th.
void StepReader::expect(std::span<const std::int64_t> samples, std::int64_t number) const {
  const std::int64_t last = shape_.accumulation * shape_.microbatch - 1;
  const auto later = [&](std::int64_t ahead) {
    const std::int64_t own = std::min(number + ahead, last);
    return samples[static_cast<std::size_t>(first_sample(own / shape_.microbatch) + own % shape_.microbatch)];
  };
  if (later(1) >= 0 && later(2) >= 0) source_.expect(later(1), later(2));
}

std::int64_t StepReader::read(std::int64_t sample, std::span<std::byte> ids) {
  std::vector<std::int64_t>* const starts = shape_.objective.documents ? &starts_ : nullptr;
  if (source_.token_bytes() == shape_.token_bytes) return source_.read(sample, ids, starts);
  const std::int64_t held = source_.read(sample, stored_, starts);
  widen_ids(stored_, source_.token_bytes(), reinterpret_cast<std::int32_t*>(ids.data()));
  return held;
}

void StepReader::fill(std::int64_t sample, std::int64_t place, PayloadRow& row) {
  row.valid = row.begun = 0;
  starts_.clear();
  if (sample < 0) {
    std::ranges::fill(row.ids, std::byte{0});
    std::ranges::fill(row.marks, std::uint8_t{0});
    return;
  }
  const std::int64_t T = std::ssize(row.marks), held = read(sample, row.ids);
  const bool all = every_label_counts(sample, held);
  row.valid = static_cast<std::int32_t>(all ? T : mark_labels(sample, place, held, row.marks));
  row.begun = static_cast<std::int32_t>(std::ranges::lower_bound(starts_, T) - starts_.begin());
  for (const std::int64_t start : std::span(starts_).first(static_cast<std::size_t>(row.begun)))
    row.marks[static_cast<std::size_t>(start)] |= document_begins;
}

// Without looking at the labels. Marks prompts, where there are some.
bool StepReader::every_label_counts(std::int64_t sample, std::int64_t held) {
  prompts_ = source_.mark_prompts(sample, is_prompt_);
  return !mask_ && !prompts_ && !shape_.objective.masked && starts_.empty() && held == source_.sequence();
}

// Where documents are kept apart, the first token of the next one is no continuation; of tokens to restore only they have a label. Returns
// how many count.
std::int64_t StepReader::mark_labels(std::int64_t sample, std::int64_t place, std::int64_t held, std::span<std::uint8_t> marks) {
  std::ranges::fill(marks, label_counts);
  if (mask_) mask_(sample, marks);
  const std::size_t ahead = shape_.objective.masked ? 0 : 1;
  for (std::size_t t = 0; prompts_ && t < marks.size(); ++t) marks[t] &= is_prompt_[t + ahead] == 0;
  std::fill(marks.begin() + held, marks.end(), std::uint8_t{0});  // padding
  if (shape_.objective.masked) {
    draw_masked(*shape_.objective.masked, place, chosen_);
    for (std::size_t t = 0; t < marks.size(); ++t) marks[t] &= chosen_[t];
  }
  for (const std::int64_t start : starts_)
    if (!shape_.objective.masked) marks[static_cast<std::size_t>(start) - 1] = 0;
  return std::accumulate(marks.begin(), marks.end(), std::int64_t{0});
}

PairCount StepReader::pairs(const PayloadRow& row) {
  const DocumentsApart& documents = *shape_.objective.documents;
  if (row.begun > 0 || !whole_) segments_from(starts_, segments_);
  if (row.begun > 0) return pairs_of_sample(documents, segments_);
  if (!whole_) whole_ = pairs_of_sample(documents, segments_);
  return *whole_;
}

}  // namespace ergon
