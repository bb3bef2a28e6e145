// SPDX-License-Identifier: Apache-2.0
// Fills the payload of a step for one data rank: what is broadcast to the ranks that share its data. No communication.
//
// A accumulation (microbatches of this rank), B samples of a microbatch, T sequence, W words of a row (trainer/data/step_payload).
// payload_ABW is int32. Global microbatch k = a * dp + data rank holds samples [k * B, (k + 1) * B) of the step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "configs/run_config.hpp"
#include "trainer/data/objective.hpp"
#include "trainer/data/step_payload.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {

// Clears entries of `counts_T` (1 everywhere at first) for labels that the loss must not look at; a pure function of the sample's number in
// the source.
using LabelMask = std::function<void(std::int64_t sample, std::span<std::uint8_t> counts_T)>;

struct LoaderShape {
  std::int64_t microbatch = 1;                     // B: samples a forward on one rank
  std::int64_t accumulation = 1;                   // A: microbatches a step on one rank
  std::int64_t prefetch = 2;                       // steps read ahead, at least 1
  SequenceLayout layout = SequenceLayout::zigzag;  // of a sequence over context ranks
  Objective objective = {};
  std::int64_t token_bytes = 4;  // of an id in a payload: those of the stores, or 4
};

// Of one data rank, or of all of them.
struct StepCounts {
  std::int64_t valid = 0;               // labels that count
  std::optional<PairCount> pairs = {};  // of a head, where documents are kept apart: elsewhere every sequence has the same
  StepCounts& operator+=(const StepCounts& more);
};

class StepReader {
 public:
  StepReader(const TokenSource& source, LoaderShape shape, int dp, int dp_rank, LabelMask mask);

  std::int64_t batch() const { return shape_.microbatch * shape_.accumulation * dp_; }  // samples of a step
  // The index within the step of the first sample of this rank's microbatch `a`.
  std::int64_t first_sample(std::int64_t a) const { return (a * dp_ + dp_rank_) * shape_.microbatch; }
  at::Tensor make_payload() const;
  // `samples`: those of the whole step, -1 for padding (token 0, every label ignored); `places`: theirs in the run's order, by which tokens
  // to restore are drawn: these alone have labels that count, and stand in the payload as they were. Returns what this rank's samples
  // count. One thread at a time; copies of a reader may work at once.
  StepCounts fill(std::span<const std::int64_t> samples, std::span<const std::int64_t> places, const at::Tensor& payload_ABW);
  // The same of `count` of this rank's samples alone, from its `first` on (of A x B).
  StepCounts fill(std::span<const std::int64_t> samples, std::span<const std::int64_t> places, const at::Tensor& payload_ABW,
                  std::int64_t first, std::int64_t count);
  std::int64_t own_samples() const { return shape_.accumulation * shape_.microbatch; }  // of a step

 private:
  std::int64_t row_words() const { return payload_words(source_.sequence(), shape_.token_bytes); }
  std::int64_t read(std::int64_t sample, std::span<std::byte> ids);
  void expect(std::span<const std::int64_t> samples, std::int64_t number) const;
  void fill(std::int64_t sample, std::int64_t place, PayloadRow& row);
  bool every_label_counts(std::int64_t sample, std::int64_t held);
  std::int64_t mark_labels(std::int64_t sample, std::int64_t place, std::int64_t held, std::span<std::uint8_t> marks);
  PairCount pairs(const PayloadRow& row);

  const TokenSource& source_;
  LoaderShape shape_;
  int dp_, dp_rank_;
  LabelMask mask_;
  std::vector<std::byte> stored_;        // T + 1 ids, where they are wider in the payload
  std::vector<std::int64_t> starts_;     // of documents in the sample
  std::vector<std::int32_t> segments_;   // T
  std::vector<std::uint8_t> chosen_;     // T
  std::vector<std::uint8_t> is_prompt_;  // T + 1
  bool prompts_ = false;                 // is_prompt_ is of the sample
  std::optional<PairCount> whole_;       // of a sample without a boundary
};

}  // namespace ergon
