// SPDX-License-Identifier: Apache-2.0
// The gradients of every microbatch leave at once and are added up at their owners, so that `whole` is scratch: the buffers of ZeRO-3,
// which soon hold another unit, and the deterministic mode, in which no two microbatches may be added before their order is known.
//
// One bucket is under way at a time, beside the backward of the next. Two ways to bring it:
//   summed    reduce_scatter; the sum over ranks is added to `own`. Microbatches are added in order, ranks as the backend likes.
//   ordered   all_to_all; the ranks' parts are added to `own` one by one, by (dp, cp) coordinate: in order of the global microbatch
//             k x dp + dp coordinate, within one in order of cp. The bits of the sum do not depend on dp.
//
// A stage of a pipeline with several chunks comes to them in the order of its schedule: buckets may come in any order, each once for
// every microbatch, in order of the microbatches.
#pragma once

#include <optional>

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
  void unit_ready(int unit) override;  // in every microbatch; the units of a bucket from the last to the first
  void poll() override;
  void finish() override;

  Bytes buffer_bytes() const override;  // for what is under way

 private:
  struct State {
    at::Tensor received;            // a view of one buffer
    std::vector<at::Tensor> parts;  // what is added to `own`, in order
    int next_unit;
    std::int64_t rounds = 0;  // that have left in this step
  };
  void start(std::size_t bucket);
  void complete();  // what is under way
  void add_parts(std::size_t bucket);
  void share(std::size_t bucket);
  std::size_t num_parts() const;

  std::vector<GradientSlices> buckets_;
  std::vector<State> states_;           // by bucket
  std::vector<std::size_t> bucket_of_;  // by unit
  Communicator& group_;
  RoundSum sum_;
  std::vector<int> order_;
  SumStays stays_;
  Work exchange_;
  std::optional<std::size_t> pending_;  // the bucket that is under way
  std::vector<Work> gathers_;
  std::int64_t microbatch_ = 0, microbatches_ = 0;
  bool filling_ = false;  // a bucket has some of its units
};

}  // namespace ergon
