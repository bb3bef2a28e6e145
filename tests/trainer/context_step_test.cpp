// SPDX-License-Identifier: Apache-2.0
// One step with context ranks against one rank: loss, norm, every gradient and every updated parameter, by each rank's own shard.
#include <cmath>

#include "parallel/plan/refusals.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/step.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

void uneven_labels(std::int64_t sample, std::span<std::uint8_t> counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) counts[t] = sample % 3 != 0 && (t * 7 + static_cast<std::size_t>(sample)) % 5 < 3;
}

struct Named {
  std::string name;
  ShardBox box;
  at::Tensor gradient, value;
};

struct StepOutcome {
  double loss = 0, norm = 0;
  std::vector<Named> parameters;
};

// What each rank of a mesh holds after its first step.
std::vector<StepOutcome> first_step(const RunConfig& config) {
  const Mesh mesh = mesh_of(config.mesh);
  std::vector<StepOutcome> outcomes(static_cast<std::size_t>(mesh.size()));
  run_local_ranks(mesh.size(), [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    const int replicas = static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, mesh.size(Axis::tp), 0).kv_replicas);
    StepOutcome& mine = outcomes[static_cast<std::size_t>(world->rank())];
    Communicators communicators(mesh, std::move(world), replicas, {}, context_sharding(config.mesh).exchanging());
    Replica replica(config, communicators);
    Loader loader(source, {config.train.microbatch, accumulation(config), 1, config.mesh.layout}, communicators,
                  initial_data_state(source, 1), uneven_labels);
    const StepResult result = run_step(replica, loader.next(), 1);
    mine.loss = result.loss;
    mine.norm = result.grad_norm;
    for (std::size_t id = 0; id < replica.parameters.specs().size(); ++id) {
      const ParameterSpec& spec = replica.parameters.specs()[id];
      const auto at = static_cast<ParameterId>(id);
      mine.parameters.push_back({spec.name, spec.box, replica.parameters.gradient(at).clone(), replica.parameters.weight(at).clone()});
    }
  });
  return outcomes;
}

// The largest difference of a shard from the same box of the whole tensor; rows beyond the box are padding.
double difference(const at::Tensor& shard, const ShardBox& box, const at::Tensor& whole) {
  at::Tensor expected = whole, own = shard;
  for (std::size_t dim = 0; dim < box.offset.size(); ++dim) {
    expected = expected.narrow(static_cast<std::int64_t>(dim), box.offset[dim], box.extent[dim]);
    own = own.narrow(static_cast<std::int64_t>(dim), 0, box.extent[dim]);
  }
  return (own - expected).abs().max().item<double>();
}

}  // namespace

TEST_CASE("after a step with context ranks every gradient, the norm and every parameter are those of one rank") {
  const test::TinyRun tiny;
  const auto config_of = [&](std::vector<std::string> keys) {
    keys.insert(keys.begin(), {"model.sequence=24", "model.positions=learned", "optimizer.clip=0.1"});
    return tiny.config(keys);
  };
  const StepOutcome one = first_step(config_of({})).front();
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
    INFO(name);
    for (const StepOutcome& rank : first_step(config_of(mesh))) {
      CHECK(std::abs(rank.loss - one.loss) <= 1e-12);
      CHECK(std::abs(rank.norm - one.norm) <= 1e-12);
      REQUIRE(rank.parameters.size() == one.parameters.size());
      for (std::size_t id = 0; id < one.parameters.size(); ++id) {
        const Named &got = rank.parameters[id], &expected = one.parameters[id];
        INFO(got.name);
        CHECK(got.name == expected.name);
        CHECK(difference(got.gradient, got.box, expected.gradient) <= 1e-12);
        CHECK(difference(got.value, got.box, expected.value) <= 1e-10);
      }
    }
  }
}
