// SPDX-License-Identifier: Apache-2.0
#include "trainer/replica.hpp"

#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

void with_replica(const RunConfig& config, const std::function<void(Replica&)>& use) {
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    Communicators communicators(mesh_of(config.mesh), std::move(world));
    Replica replica(config, communicators);
    use(replica);
  });
}

}  // namespace

TEST_CASE("decay follows optimizer.no_decay by the kind of a parameter") {
  const test::TinyRun tiny;
  with_replica(tiny.config(), [](Replica& replica) {
    for (std::size_t id = 0; id < replica.updates.size(); ++id) {
      const std::string& kind = replica.parameters.specs()[id].kind;
      if (replica.updates[id].decays != (kind == "matrix")) throw std::runtime_error(kind);
    }
  });
  with_replica(tiny.config({"optimizer.no_decay=[]"}), [](Replica& replica) {
    for (const Update& update : replica.updates)
      if (!update.decays) throw std::runtime_error("a parameter does not decay");
  });
}

TEST_CASE("types map to those of tensors") {
  CHECK(scalar_type(DType::float32) == at::kFloat);
  CHECK(scalar_type(DType::float64) == at::kDouble);
  CHECK(scalar_type(DType::bfloat16) == at::kBFloat16);
}
