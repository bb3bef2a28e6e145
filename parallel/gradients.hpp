// SPDX-License-Identifier: Apache-2.0
// What becomes of the gradients of a step: they are summed over dp x cp, bucket by bucket, beside the backward of what is left. Sums, never
// averages: the loss is already divided by the global token count.
//
// GradientBuckets adds the microbatches of a rank where backward writes them and reduces during the last one; gradient_rounds.hpp has the
// reduction that lets every microbatch leave at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"
#include "parallel/gradient_sink.hpp"
#include "parallel/plan/bucket_plan.hpp"

namespace ergon {

// A bucket as its tensors. All ranks' `own` parts, in rank order, make up `whole`.
struct GradientSlices {
  int first_unit, last_unit;     // inclusive
  at::Tensor whole;              // where backward writes
  at::Tensor own;                // where this rank's part of the sum goes; undefined: the sum replaces `whole` on every rank
  Communicator* twin = nullptr;  // of another stage's rank that has a part of this sum too, cut alike; null: none
};

class GradientReduction : public GradientSink {
 public:
  // Whether unit_ready wants the units of all microbatches, or of the last one only.
  virtual bool takes_every_microbatch() const = 0;
  // Before the backward of microbatch k of n, in order; of each chunk, where a stage has several. True: its gradients replace what `whole`
  // holds; false: they add to it.
  virtual bool begin_microbatch(std::int64_t k, std::int64_t n) = 0;
  // Polls what is under way: Open MPI makes no progress on its own.
  virtual void poll() = 0;
  // After the last microbatch: waits until the sums are where GradientSlices says. Throws Bug if a unit never arrived.
  virtual void finish() = 0;
  virtual Bytes buffer_bytes() const { return {}; }  // beside the slices
};

class GradientBuckets final : public GradientReduction {
 public:
  // Last unit first, as plan_buckets makes them; `reducer`, the dp x cp group, must outlive this.
  GradientBuckets(std::vector<GradientSlices> buckets, Communicator& reducer);

  bool takes_every_microbatch() const override { return false; }
  bool begin_microbatch(std::int64_t k, std::int64_t n) override;
  // A bucket's all_reduce or reduce_scatter starts when its lowest unit arrives in the last microbatch.
  void unit_ready(int unit) override;
  void poll() override;
  void finish() override;

 private:
  std::vector<GradientSlices> buckets_;
  Communicator& reducer_;
  std::vector<Work> works_;
  bool last_ = true;
  int next_unit_ = 0;
};

}  // namespace ergon
