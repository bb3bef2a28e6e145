// SPDX-License-Identifier: Apache-2.0
#include "configs/supported.hpp"

#include "configs/key_table.hpp"
#include "configs/problems.hpp"

namespace ergon {
namespace {

struct Refusal {
  const char* key;
  bool (*asked)(const RunConfig&);
  const char* why;
  const char* way_out;
};

constexpr Refusal refusals[] = {
    {"run.deterministic", [](const RunConfig& c) { return c.run.deterministic; },
     "this version has no exchange of gradients in a fixed order",
     "set run.deterministic = false; a run continued on the same mesh is bitwise equal without it"},
    {"train.recompute", [](const RunConfig& c) { return c.train.recompute != Recompute::none; }, "this version keeps all activations",
     "set train.recompute = \"none\" and lower train.microbatch to save memory"},
    {"mesh.pp", [](const RunConfig& c) { return c.mesh.pp > 1; }, "this version has no pipeline",
     "set mesh.pp = 1 and raise mesh.tp or mesh.dp"},
    {"mesh.virtual_stages", [](const RunConfig& c) { return c.mesh.virtual_stages > 1; }, "this version has no pipeline",
     "set mesh.virtual_stages = 1"},
    {"mesh.sequence_parallel", [](const RunConfig& c) { return c.mesh.sequence_parallel; },
     "this version keeps norms and residuals whole on every rank", "set mesh.sequence_parallel = false"},
    {"mesh.zero", [](const RunConfig& c) { return c.mesh.zero != 0; },
     "this version keeps parameters and optimizer state whole on every replica", "set mesh.zero = 0 and raise mesh.tp to save memory"},
};

}  // namespace

void require_supported(const RunConfig& config) {
  Problems problems;
  for (const Refusal& refusal : refusals) {
    if (!refusal.asked(config)) continue;
    problems.add(fmt::format("{} = {} is not supported: {}", refusal.key, find_key(refusal.key)->print(config), refusal.why), "",
                 refusal.way_out);
  }
  problems.throw_if_any("this run asks for what this version cannot do");
}

}  // namespace ergon
