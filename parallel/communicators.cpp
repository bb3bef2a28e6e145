// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicators.hpp"

#include "configs/error.hpp"

namespace ergon {
namespace {

// Data parallelism is the axis that may take any size, so it absorbs what is left.
std::string fitting_mesh(const Mesh& mesh, int ranks) {
  const int replica = mesh.size() / mesh.size(Axis::dp);
  if (ranks % replica == 0) return fmt::format("set mesh.dp={} for {} ranks, or start {} ranks", ranks / replica, ranks, mesh.size());
  return fmt::format("start {} ranks, or set mesh.tp=1 mesh.cp=1 mesh.pp=1 mesh.dp={} for {} ranks", mesh.size(), ranks, ranks);
}

std::unique_ptr<Communicator> checked(std::unique_ptr<Communicator> world, const Mesh& mesh) {
  if (world->size() != mesh.size())
    throw Error(fmt::format("the mesh ({}) takes {} ranks, but {} were started", mesh.summary(), mesh.size(), world->size()), "mesh",
                fitting_mesh(mesh, world->size()), ExitCode::world);
  return world;
}

std::unique_ptr<Communicator> group_of(const Mesh& mesh, Communicator& world, AxisSet axes) {
  const Mesh::ColorKey place = mesh.color_key(world.rank(), axes);
  return world.split(place.color, place.key, axes.to_string());
}

}  // namespace

Communicators::Communicators(const Mesh& mesh_, std::unique_ptr<Communicator> world_, int replicas)
    : mesh(mesh_),
      world(checked(std::move(world_), mesh)),
      tp(group_of(mesh, *world, Axis::tp)),
      dp(group_of(mesh, *world, Axis::dp)),
      dp_cp(group_of(mesh, *world, Axis::dp | Axis::cp)) {
  ERGON_CHECK(replicas >= 1 && tp->size() % replicas == 0, "{} key/value replicas in a tensor group of {}", replicas, tp->size());
  kv_replicas = tp->split(tp->rank() / replicas, tp->rank(), "kv_replicas");
  control = world->split(0, world->rank(), "control");
}

void Communicators::observe(CommunicationObserver* observer) {
  for (Communicator* group : {world.get(), tp.get(), dp.get(), dp_cp.get(), kv_replicas.get(), control.get()}) group->observe(observer);
}

}  // namespace ergon
