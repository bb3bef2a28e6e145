// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {

std::vector<Key> keys_run() {
  auto at = [](auto member) { return field(&RunConfig::run, member); };
  using S = RunSection;
  using enum OnResume;
  return {
      text({"run.folder", "", free, "where checkpoints, ledger and events of this run go; the same folder resumes it"}, at(&S::folder)),
      integer({"run.seed", "", fixed, "another seed draws other initial weights, dropout and sample order"}, at(&S::seed), 0,
              std::numeric_limits<std::int64_t>::max()),
      choice({"run.device", "", layout, "cuda needs libergon_cuda.so and one device a rank"}, at(&S::device)),
      integer({"run.threads", "threads", layout, "intra-op threads of a rank; ranks on a node x threads should not exceed its cores"},
              at(&S::threads), 1, 4096),
      boolean({"run.deterministic", "", layout, "bitwise equal losses over dp and ZeRO layouts, at the price of exchanges and memory"},
              at(&S::deterministic)),
      choice({"run.gemm", "", layout, "auto times the libraries on the run's own products at its first start and keeps the fastest"},
             at(&S::gemm)),
  };
}

}  // namespace ergon
