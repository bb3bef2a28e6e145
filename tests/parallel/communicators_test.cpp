// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicators.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "parallel/flight_record.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// The world ranks of a group, by asking them.
std::vector<int> members(Communicator& group, int world_rank) {
  at::Tensor ranks = at::empty({group.size()}, at::kInt);
  group.all_gather(ranks, at::full({1}, world_rank, at::kInt)).wait();
  return {ranks.const_data_ptr<int>(), ranks.const_data_ptr<int>() + ranks.numel()};
}

void check_groups(const Mesh& mesh, std::unique_ptr<Communicator> world, int replicas, Failures& failures) {
  const int rank = world->rank();
  const Communicators groups(mesh, std::move(world), replicas);
  const auto expect = [&](Communicator& group, const std::vector<int>& ranks, const std::string& name) {
    failures.expect(members(group, rank) == ranks && group.name() == name,
                    fmt::format("group {} of rank {}, order {}", name, rank, mesh.order()));
    failures.expect(ranks.at(static_cast<std::size_t>(group.rank())) == rank, "rank within " + name);
  };
  expect(*groups.world, mesh.group(rank, (Axis::tp | Axis::cp) | Axis::dp | Axis::pp), "world");
  expect(*groups.tp, mesh.group(rank, Axis::tp), "tp");
  expect(*groups.dp_cp, mesh.group(rank, Axis::dp | Axis::cp), "cp-dp");
  expect(*groups.cp, mesh.group(rank, Axis::cp), "cp");
  failures.expect(groups.cp_ring == groups.cp && groups.cp_exchange == groups.cp, "without a hybrid all context ranks are one group");
  const std::vector<int> stages = mesh.group(rank, Axis::pp);
  expect(*groups.pp, stages, "pp");
  expect(*groups.pp_gradients, stages, "pp-gradients");
  const bool outer = rank == stages.front() || rank == stages.back();
  const std::vector<int> outer_stages = stages.size() == 1 ? stages : std::vector<int>{stages.front(), stages.back()};
  expect(*groups.embedding, outer ? outer_stages : std::vector<int>{rank}, "embedding");
  failures.expect(groups.host_tp == groups.tp && groups.host_pp == groups.pp && groups.host_dp_cp == groups.dp_cp,
                  "on the host both kinds are the same objects");
  expect(*groups.control, mesh.group(rank, (Axis::tp | Axis::cp) | Axis::dp | Axis::pp), "control");
  const std::vector<int> tensor = mesh.group(rank, Axis::tp);
  const auto first = tensor.begin() + mesh.coordinate(rank, Axis::tp) / replicas * replicas;
  expect(*groups.kv_replicas, std::vector<int>(first, first + replicas), "kv_replicas");
}

std::vector<Mesh> meshes(int ranks) {
  if (ranks == 4)
    return {Mesh({.dp = 2, .pp = 1, .cp = 1, .tp = 2}), Mesh({.dp = 2, .pp = 1, .cp = 2, .tp = 1}),
            Mesh({.dp = 1, .pp = 1, .cp = 1, .tp = 4}), Mesh({.dp = 1, .pp = 4, .cp = 1, .tp = 1})};
  return {Mesh({.dp = 2, .pp = 1, .cp = 2, .tp = 2}), Mesh({.dp = 2, .pp = 1, .cp = 1, .tp = 4}, "dp-tp-cp-pp"),
          Mesh({.dp = 2, .pp = 2, .cp = 1, .tp = 2})};
}

}  // namespace

TEST_CASE("communicators: the groups are the mesh's, over MPI") {
  const int ranks = make_mpi_world()->size();
  for (const Mesh& mesh : meshes(ranks)) {
    Failures failures;
    check_groups(mesh, make_mpi_world(), mesh.size(Axis::tp) == 4 ? 2 : 1, failures);
    CHECK(failures.text == std::vector<std::string>{});
  }
}

TEST_CASE("communicators: the groups are the mesh's, over threads") {
  for (const Mesh& mesh : meshes(4)) {
    std::vector<Failures> failures(4);
    run_local_ranks(4, [&](std::unique_ptr<Communicator> world) {
      Failures& mine = failures[static_cast<std::size_t>(world->rank())];
      check_groups(mesh, std::move(world), mesh.size(Axis::tp) == 4 ? 4 : 1, mine);
    });
    for (const Failures& one : failures) CHECK(one.text == std::vector<std::string>{});
  }
}

TEST_CASE("communicators: a run on a device has host groups and their twins") {
  std::vector<Failures> failures(4);
  run_local_ranks(4, [&](std::unique_ptr<Communicator> world) {
    Failures& mine = failures[static_cast<std::size_t>(world->rank())];
    std::vector<std::string> made;
    const DeviceGroup twin = [&](std::shared_ptr<Communicator> host, const std::string& name, Traffic traffic) {
      made.push_back(host->name() + " -> " + name + (traffic == Traffic::critical ? ", critical" : ", bulk"));
      return host->split(0, host->rank(), name);
    };
    const Communicators groups(Mesh({.dp = 2, .pp = 1, .cp = 1, .tp = 2}), std::move(world), 2, twin);
    mine.expect(
        made == std::vector<std::string>{"host-tp -> tp, critical", "host-cp-dp -> cp-dp, bulk", "host-kv_replicas -> kv_replicas, bulk",
                                         "host-cp -> cp, critical", "host-pp -> pp, critical",
                                         "host-pp-gradients -> pp-gradients, critical", "host-embedding -> embedding, bulk"},
        "the twins");
    mine.expect(groups.host_tp != groups.tp && groups.host_dp_cp != groups.dp_cp && groups.tp->name() == "tp", "two objects");
    mine.expect(groups.tp->rank() == groups.host_tp->rank() && groups.dp_cp->rank() == groups.host_dp_cp->rank(), "one order");
  });
  for (const Failures& one : failures) CHECK(one.text == std::vector<std::string>{});
}

TEST_CASE("communicators: of a hybrid, adjacent context ranks exchange heads and the others form rings, on devices too") {
  for (const bool device : {false, true}) {
    std::vector<Failures> failures(8);
    run_local_ranks(8, [&](std::unique_ptr<Communicator> world) {
      const int rank = world->rank();  // cp varies fastest: ranks 0 to 3 and 4 to 7 are the context groups
      Failures& mine = failures[static_cast<std::size_t>(rank)];
      std::vector<std::string> made;
      const DeviceGroup twin = [&](std::shared_ptr<Communicator> host, const std::string& name, Traffic traffic) {
        if (traffic == Traffic::critical) made.push_back(name);
        return host->split(0, host->rank(), name);
      };
      Communicators groups(Mesh({.dp = 2, .pp = 1, .cp = 4, .tp = 1}), std::move(world), 1, device ? twin : DeviceGroup(), 2);
      const int first = rank / 4 * 4, pair = rank / 2 * 2;
      mine.expect(members(*groups.cp, rank) == std::vector<int>{first, first + 1, first + 2, first + 3}, "cp");
      mine.expect(members(*groups.cp_exchange, rank) == std::vector<int>{pair, pair + 1}, "exchange");
      mine.expect(members(*groups.cp_ring, rank) == std::vector<int>{first + rank % 2, first + rank % 2 + 2}, "ring");
      mine.expect(groups.cp_exchange->name() == "cp-exchange" && groups.cp_ring->name() == "cp-ring", "names");
      mine.expect(made == (device ? std::vector<std::string>{"tp", "cp", "cp-exchange", "cp-ring", "pp", "pp-gradients"}
                                  : std::vector<std::string>{}),
                  "twins");
      mine.expect(groups.device_groups().size() == 9, "each group once");
    });
    for (const Failures& one : failures) CHECK(one.text == std::vector<std::string>{});
  }
}

TEST_CASE("communicators: groups that exchange heads must divide the context ranks") {
  CHECK_THROWS_AS(Communicators(Mesh({}), std::move(make_local_group(1)[0]), 1, {}, 2), Bug);
}

TEST_CASE("communicators: every group of a pipeline stands in the flight record") {
  std::vector<Failures> failures(4);
  run_local_ranks(4, [&](std::unique_ptr<Communicator> world) {
    Failures& mine = failures[static_cast<std::size_t>(world->rank())];
    const auto record = std::make_shared<FlightRecord>(world->rank());
    world->record(record);
    const Communicators groups(Mesh({.dp = 1, .pp = 2, .cp = 1, .tp = 2}), std::move(world));
    for (const auto& group : {groups.pp, groups.pp_gradients, groups.embedding, groups.host_pp})
      mine.expect(group->flight_record() == record && group->size() == 2, group->name());
  });
  for (const Failures& one : failures) CHECK(one.text == std::vector<std::string>{});
}

TEST_CASE("communicators: a world that does not fit is refused with a mesh that does") {
  const auto hint = [](MeshSizes sizes, int ranks) -> std::string {
    try {
      Communicators groups(Mesh(sizes), std::move(make_local_group(ranks)[0]));
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::world);
      CHECK(error.where() == "mesh");
      return error.problem() + " | " + error.hint();
    }
    return "accepted";
  };
  CHECK(hint({.dp = 2, .pp = 1, .cp = 1, .tp = 2}, 6) ==
        "the mesh (dp=2 tp=2) takes 4 ranks, but 6 were started | set mesh.dp=3 for 6 ranks, or start 4 ranks");
  CHECK(hint({.dp = 1, .pp = 1, .cp = 1, .tp = 2}, 3) ==
        "the mesh (tp=2) takes 2 ranks, but 3 were started | start 2 ranks, or set mesh.tp=1 mesh.cp=1 mesh.pp=1 mesh.dp=3 for 3 ranks");
}

}  // namespace ergon
