// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

Key folder_key() {
  auto at = field(&RunConfig::run, &RunSection::folder);
  auto set = [at](RunConfig& config, const Value& value) {
    std::string folder = read_path(value);
    if (folder.empty()) refuse_value(value, "the name of a folder", "for instance run.folder=runs/demo");
    at(config) = folder;
  };
  return make_key({"run.folder", "", OnResume::free, "where checkpoints, ledger and events of this run go; the same folder resumes it"},
                  "text", "", set, [at](const RunConfig& config) { return print_texts({at(config)}); });
}

}  // namespace

std::vector<Key> keys_run() {
  auto at = [](auto member) { return field(&RunConfig::run, member); };
  using S = RunSection;
  using enum OnResume;
  return {
      folder_key(),
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
