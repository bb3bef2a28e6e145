// SPDX-License-Identifier: Apache-2.0
// Cases for the emulated attention kernels, and a table that records what their loops visit.
#pragma once

#include <numeric>

#include "tests/trainer/attention/attention_oracle.hpp"
#include "tests/trainer/kernels/cuda/emulated.hpp"
#include "trainer/attention/device_attention.hpp"

namespace ergon::test {

// The cases of the host's kernels, and larger ones: several query tiles, a block without keys, one that sees nothing.
inline std::vector<AttentionCase> device_cases() {
  std::vector<AttentionCase> cases;
  for (const AttentionCase& c : all_cases())
    if ((c.dropout.p > 0.0) == (c.logits > 1.0)) cases.push_back(c);
  BlockMask far = causal_mask(0);
  far.queries = {{0, 70, 1}};
  far.keys = {{100, 40, 1}};
  cases.push_back({"nothing visible", 1, 2, 2, 8, far, {}, 1.0});
  cases.push_back({"three query tiles", 1, 4, 2, 16, causal_mask(150, 40), {0.2, 3, 7, 2, 5, 1, 16, 1000}, 1.0});
  cases.push_back({"no sample", 0, 2, 2, 8, causal_mask(5), {}, 1.0});
  return cases;
}

// Sums the pairs that blocks report.
struct VisitingKernels {
  VisitingKernels() : table(visiting_table()), kernels(table, nullptr) {}
  std::int64_t forward_pairs() const { return total(forward_visits()); }
  std::int64_t backward_pairs() const { return total(backward_visits()); }

  ErgonKernelTable table;
  DeviceKernels kernels;

 private:
  using Visits = std::vector<std::int64_t>;
  static Visits& forward_visits() {
    static Visits visits;
    return visits;
  }
  static Visits& backward_visits() {
    static Visits visits;
    return visits;
  }
  static std::int64_t total(const Visits& visits) { return std::accumulate(visits.begin(), visits.end(), std::int64_t{0}); }
  static ErgonAttention recording(const ErgonAttention& call, Visits& visits) {
    ErgonAttention copy = call;
    visits.assign(4096, 0);
    copy.visited = visits.data();
    return copy;
  }
  static ErgonKernelTable visiting_table() {
    ErgonKernelTable table = *ergon_cuda_kernels();
    table.attention_forward = [](const ErgonAttention* call, const ErgonHeads* q, const ErgonHeads* k, const ErgonHeads* v,
                                 const ErgonHeads* out, const ErgonRows* lse, void* stream) {
      const ErgonAttention copy = recording(*call, forward_visits());
      return ergon_cuda_kernels()->attention_forward(&copy, q, k, v, out, lse, stream);
    };
    table.attention_backward = [](const ErgonAttention* call, const ErgonHeads* dout, const ErgonHeads* q, const ErgonHeads* k,
                                  const ErgonHeads* v, const ErgonRows* lse, const ErgonRows* delta, const ErgonHeads* dq,
                                  const ErgonHeads* dk, const ErgonHeads* dv, void* stream) {
      const ErgonAttention copy = recording(*call, backward_visits());
      return ergon_cuda_kernels()->attention_backward(&copy, dout, q, k, v, lse, delta, dq, dk, dv, stream);
    };
    return table;
  }
};

}  // namespace ergon::test
