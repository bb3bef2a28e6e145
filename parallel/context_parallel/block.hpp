// SPDX-License-Identifier: Apache-2.0
// What all strategies do with a block: hand its visible part to the kernel, in as many calls as the heads need, and join the result with
// that of other keys.
//
// While messages are under way that move only when somebody polls (MPI), a block is computed in parts, a few key heads of a sample each,
// with a poll after each part; once they have arrived the rest is one call. Parts are independent of each other: results and counts are the
// same.
//
// Dims as in strategy.hpp; a block has T queries and S keys, of which a BlockPart names the rows to compute.
#pragma once

#include <c10/util/FunctionRef.h>

#include "configs/error.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "parallel/context_parallel/views.hpp"

namespace ergon {

// Views of some heads.
inline at::Tensor query_heads(const Views& views, const at::Tensor& x_BTHQ, const HeadRange& heads) {
  return views.narrow(x_BTHQ, 2, heads.first_query, heads.num_query);
}
inline at::Tensor key_heads(const Views& views, const at::Tensor& x_BSKQ, const HeadRange& heads) {
  return views.narrow(x_BSKQ, 2, heads.first_kv, heads.num_kv);
}
inline at::Tensor statistic_heads(const Views& views, const at::Tensor& x_BHT, const HeadRange& heads) {
  return views.narrow(x_BHT, 1, heads.first_query, heads.num_query);
}

// Samples of a call that share a rule: all of them, or each by itself.
struct Sharers {
  std::size_t rule;
  std::int64_t first, samples;
};
template <typename Visit>
void each_rule(const AttentionCall& call, const Visit& visit) {
  const std::int64_t samples = call.q_BTHQ.size(0);
  if (call.rules.size() == 1) return visit(Sharers{0, 0, samples});
  ERGON_CHECK(std::ssize(call.rules) == samples, "{} rules for {} samples", call.rules.size(), samples);
  for (std::int64_t b = 0; b < samples; ++b) visit(Sharers{static_cast<std::size_t>(b), b, 1});
}
inline at::Tensor samples_of(const Views& views, const at::Tensor& x, const Sharers& sharers) {
  return sharers.samples == x.size(0) ? x : views.narrow(x, 0, sharers.first, sharers.samples);
}
// What of a block the samples of a rule see.
using PartOfRule = c10::function_ref<const BlockPart&(std::size_t rule)>;

void add_work(AttentionWork& sum, const AttentionWork& part);

// Messages that a block hides. None: nothing to poll.
class UnderWay {
 public:
  UnderWay() = default;
  // `group` says whether they need polling: a device's streams move them alone. The Works stay where they are until the block is done.
  UnderWay(const Communicator& group, Work& first) : first_(of(group, first)) {}
  UnderWay(const Communicator& group, Work& first, Work& second) : first_(of(group, first)), second_(of(group, second)) {}
  bool arrived() const;  // polls each once

 private:
  static Work* of(const Communicator& group, Work& work) { return group.device() == at::kCPU ? &work : nullptr; }
  Work* first_ = nullptr;
  Work* second_ = nullptr;
};

// One block by the kernel: of `heads` one call each, of an empty list one call, of more where messages are under way.
AttentionWork forward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                            const std::vector<HeadRange>& heads, AttentionOutput& result, const UnderWay& messages = {});
AttentionWork backward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                             const std::vector<HeadRange>& heads, const AttentionUpstream& upstream, AttentionGradients& result,
                             const UnderWay& messages = {});

// The same of a call whose samples have `masks`, by rule: a call of the kernel or more for each.
AttentionWork forward_block(const LocalAttention& kernel, const AttentionCall& call, std::span<const BlockMask> masks,
                            AttentionOutput& result, const UnderWay& messages = {});
AttentionWork backward_block(const LocalAttention& kernel, const AttentionCall& call, std::span<const BlockMask> masks,
                             const AttentionUpstream& upstream, AttentionGradients& result, const UnderWay& messages = {});

// The output over the keys seen so far. Blocks come in any order; rows that no block names have seen nothing.
class RunningOutput {
 public:
  // Writes out_BTHQ and lse_BHT; memory for one more block comes from call.scratch.
  RunningOutput(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT);
  AttentionWork add(PartOfRule parts, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const UnderWay& messages = {});

 private:
  AttentionWork add(const Sharers& sharers, const BlockPart& part, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ,
                    const UnderWay& messages);

  AttentionKernel kernel_;
  const AttentionCall& call_;
  Views views_;
  at::Tensor out_BTHQ_, lse_BHT_, running_lse_BHT_;              // the running one in double
  at::Tensor block_out_BTHQ_, block_lse_BHT_, block_exact_BHT_;  // the exact one in double
  at::Tensor difference_BHT_, weight_BHT_;
  bool first_ = true;
};

// Gradients of the same queries against block after block, given the output over all of them. dq is summed; dk and dv are each block's.
class RunningGradients {
 public:
  // Computes delta and clears dq_BTHQ (accumulator type).
  RunningGradients(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ,
                   const at::Tensor& lse_BHT, const at::Tensor& dq_BTHQ);
  // Writes the rows of the parts in dk_BSKQ and dv_BSKQ, and no others.
  AttentionWork add(PartOfRule parts, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const at::Tensor& dk_BSKQ,
                    const at::Tensor& dv_BSKQ, const UnderWay& messages = {});

 private:
  AttentionKernel kernel_;
  const AttentionCall& call_;
  Views views_;
  AttentionUpstream upstream_;
  at::Tensor dq_BTHQ_, block_dq_BTHQ_;
};

}  // namespace ergon
