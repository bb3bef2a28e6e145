// SPDX-License-Identifier: Apache-2.0
// Gradient buckets: contiguous slices of one flat gradient buffer, cut at unit boundaries in reverse order of the layers, each summed over
// dp x cp as soon as backward has filled it, beside the backward of what is left. Sums, never averages: the loss is already divided by the
// global token count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"
#include "parallel/gradient_sink.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {

// Cuts the units (ranges of the flat buffer in layer order) into buckets of at least `bucket` bytes, walking from the last unit to the
// first. Example: units of 4, 3, 3, 6 MiB and bucket 5 MiB give {unit 3}, {units 2, 1}, {unit 0}.
struct Bucket {
  ElementRange range;
  int first_unit, last_unit;  // inclusive
};
std::vector<Bucket> plan_buckets(const std::vector<ElementRange>& units, Bytes bucket, std::int64_t element_size);

class GradientBuckets final : public GradientSink {
 public:
  // `flat` is the gradient buffer; `reducer` the dp x cp group, which must outlive this.
  GradientBuckets(at::Tensor flat, std::vector<Bucket> buckets, Communicator& reducer);

  // Backward of the last microbatch calls this once per unit, last unit first; a bucket's all_reduce starts when its lowest unit arrives.
  void unit_ready(int unit) override;
  // Polls what is under way: Open MPI makes no progress on its own.
  void poll();
  // Waits for every bucket; afterwards the buffer holds the sums and the object is ready for the next step. Throws Bug if a unit never
  // arrived.
  void finish();

 private:
  at::Tensor flat_;
  std::vector<Bucket> buckets_;
  std::vector<at::Tensor> slices_;  // by bucket
  Communicator& reducer_;
  std::vector<Work> works_;
  int next_unit_ = 0;
};

}  // namespace ergon
