// SPDX-License-Identifier: Apache-2.0
// The gradients of every microbatch leave at once and are added up at their owners, so that `whole` is scratch: the buffers of ZeRO-3,
// which soon hold another unit, and the deterministic mode, in which no two microbatches may be added before their order is known.
//
// One bucket is under way at a time, beside the backward of the next. Two ways to bring it:
//   summed    reduce_scatter; the sum over ranks is added to `own`. Microbatches are added in order, ranks as the backend likes.
//   ordered   all_to_all; the ranks' parts are added to `own` one by one, by (dp, cp) coordinate: in order of the global microbatch
//             k x dp + dp coordinate, within one in order of cp. The bits of the sum do not depend on dp.
#pragma once

#include "parallel/gradients.hpp"

namespace ergon {

enum class RoundSum { summed, ordered };
enum class SumStays { with_owner, on_every_rank };

class GradientRounds final : public GradientReduction {
 public:
  // order: the group's ranks in the order in which their parts are added. With on_every_rank the sums of all owners replace `whole` after
  // the last microbatch (all_gather).
  GradientRounds(std::vector<GradientSlices> buckets, Communicator& group, RoundSum sum, std::vector<int> order, SumStays stays);

  bool takes_every_microbatch() const override { return true; }
  bool begin_microbatch(std::int64_t k, std::int64_t n) override;
  void unit_ready(int unit) override;  // in every microbatch
  void poll() override;
  void finish() override;

  Bytes buffer_bytes() const override;  // for what is under way

 private:
  void start(std::size_t bucket);
  void complete();  // what is under way
  void add_parts(std::size_t bucket);
  std::size_t num_parts() const;

  std::vector<GradientSlices> buckets_;
  Communicator& group_;
  RoundSum sum_;
  std::vector<int> order_;
  SumStays stays_;
  std::vector<at::Tensor> received_;            // by bucket: a view of one buffer
  std::vector<std::vector<at::Tensor>> parts_;  // by bucket: what is added to `own`, in order
  Work exchange_;
  bool pending_ = false;
  std::vector<Work> gathers_;
  bool first_ = true, last_ = true;
  std::size_t next_bucket_ = 0;
  int next_unit_ = 0;
};

}  // namespace ergon
