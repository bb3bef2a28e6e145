// SPDX-License-Identifier: Apache-2.0
// One step with context ranks against one rank: loss, norm, every gradient and every updated parameter, by each rank's own shard.
#include "tests/trainer/mesh_step.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("after a step with context ranks every gradient, the norm and every parameter are those of one rank") {
  const test::TinyRun tiny;
  const auto config_of = [&](std::vector<std::string> keys) {
    keys.insert(keys.begin(), {"model.sequence=24", "model.positions=learned", "optimizer.clip=0.1"});
    return tiny.config(keys);
  };
  const test::Whole one = test::whole_of_one_rank(config_of({}));
  const std::vector<std::vector<std::string>> meshes = {
      {"mesh.cp=2"},
      {"mesh.cp=4", "mesh.layout=striped"},
      {"mesh.cp=3", "mesh.layout=contiguous"},
      {"mesh.cp=2", "mesh.attention=ulysses"},
      {"mesh.cp=3", "mesh.attention=ulysses"},
      {"mesh.cp=2", "mesh.attention=gather_kv"},
      {"mesh.cp=4", "mesh.attention=hybrid", "mesh.ulysses=2"},
      {"mesh.dp=2", "mesh.cp=2"},
      {"mesh.cp=2", "mesh.tp=2"},
      {"mesh.cp=2", "mesh.tp=4"},
      {"mesh.cp=2", "mesh.tp=2", "mesh.attention=ulysses"},
  };
  for (const std::vector<std::string>& mesh : meshes) {
    std::string name;
    for (const std::string& key : mesh) name += key + " ";
    test::Differences worst;
    test::compare_step(config_of(mesh), one, worst);
    INFO(name << ": " << worst.gradients.where() << ", " << worst.updated.where());
    CHECK(worst.loss.error() <= 1e-12);
    CHECK(worst.norm.error() <= 1e-12);
    CHECK(worst.gradients.error() <= 1e-12);
    CHECK(worst.updated.error() <= 1e-10);
    CHECK(worst.gradients.seen() > 0);
  }
}
