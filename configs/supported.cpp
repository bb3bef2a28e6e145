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
