// SPDX-License-Identifier: Apache-2.0
// One case of attention run by a strategy over context ranks, each with the rows of its layout: the results put together again as one rank
// would have them, and what every rank sent.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "parallel/communicators.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "tests/trainer/attention/attention_oracle.hpp"

namespace ergon::test {

inline constexpr SequenceLayout layouts[] = {SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous};
inline constexpr std::int64_t cut_sequence = 48;  // a multiple of 2 P for P = 1, 2, 3, 4, 8

// The whole sequence under a rule.
AttentionCase whole_case(const std::string& name, std::int64_t heads, std::int64_t kv_heads, const AttentionRule& rule, double logits = 1.0,
                         double dropout = 0.0, std::int64_t sequence = cut_sequence);
// Causal, not causal, windows, documents (of odd lengths, one longer than a rank's part), with windows and without causal, each with logits
// x1 and x8, heads 8/8, 8/2, 8/1; every second one with dropout.
std::vector<AttentionCase> mask_cases();

struct Cut {
  ContextSharding sharding;
  std::int64_t gather_heads = 1;
};
std::string describe(const Cut& cut, const AttentionCase& c);

// group, operation, dtype, elements, bytes -> how many.
using Messages = std::map<std::tuple<std::string, Collective, at::ScalarType, std::int64_t, std::int64_t>, int>;
std::string listed(const Messages& messages);

struct SentByRank {
  std::vector<Messages> forward, backward;             // by context rank
  std::vector<std::vector<Collective>> forward_order;  // by context rank
};

// Of one rank's arenas, at the end of each pass.
struct TakenMemory {
  std::int64_t kept = 0, forward = 0, backward = 0;
};

struct CutAnswer {
  AttentionAnswer answer;  // out, dq, dk, dv in fp64; lse and delta are not put together
  SentByRank sent;
  AttentionWork forward, backward;     // summed over ranks
  std::vector<std::int64_t> growths;   // of each rank's memory between the second call and the fourth
  std::vector<at::ScalarType> states;  // of the log-sum-exps that ranks kept
  std::vector<TakenMemory> taken;      // by context rank
};
using KernelMaker = std::function<std::unique_ptr<LocalAttention>()>;
KernelMaker tiled_kernel();  // tiles of 5 x 7: borders fall anywhere
KernelMaker plain_kernel();

// Over threads; the context ranks are a group of a mesh that has `dp` of them, each with the same rows.
CutAnswer run_cut(const Cut& cut, const AttentionCase& c, const AttentionData& data, at::ScalarType dtype = at::kDouble,
                  const KernelMaker& kernel = tiled_kernel(), int dp = 1);
// What one context rank of `groups` computes; its rows of each result are written into `answer`.
void run_rank(const Cut& cut, const AttentionCase& c, const AttentionData& data, at::ScalarType dtype, const LocalAttention& kernel,
              Communicators& groups, CutAnswer& answer);
CutAnswer empty_answer(const AttentionData& data, int ranks);

// A case with its inputs and what autograd says of them, densely.
struct KnownCase {
  explicit KnownCase(const AttentionCase& c);
  AttentionCase c;
  AttentionData data;
  AttentionAnswer expected;
};
const std::vector<KnownCase>& known_cases();  // of mask_cases()

// Largest error of out, dq, dk, dv.
double worst_of_cut(const AttentionAnswer& got, const AttentionAnswer& expected);
// fp64 within 1e-12, the work as predicted, and no more memory for a second call; returns what is not so.
std::string check_exact(const Cut& cut, const KnownCase& known, const KernelMaker& kernel = tiled_kernel());
// float32 within twice the error of the plain kernel on one rank, bfloat16 within 1.3 times that of rounding once.
std::string check_rounded(const Cut& cut, const AttentionCase& c);
// The same under the masks that are not the causal one of the whole sequence: window, documents, full, documents without causal.
std::string check_rounded_masks(const Cut& cut);

}  // namespace ergon::test
