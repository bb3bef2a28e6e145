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

std::shared_ptr<Communicator> group_of(const Mesh& mesh, Communicator& world, AxisSet axes, const char* prefix) {
  const Mesh::ColorKey place = mesh.color_key(world.rank(), axes);
  return world.split(place.color, place.key, prefix + axes.to_string());
}

// The stages that hold the token table, tied: the first and the last. The others are alone.
std::unique_ptr<Communicator> embedding_group(Communicator& pp, const std::string& name) {
  const int last = pp.size() - 1;
  const bool holds_table = pp.rank() == 0 || pp.rank() == last;
  return pp.split(holds_table ? 0 : pp.rank(), pp.rank(), name);
}

}  // namespace

Communicators::Communicators(const Mesh& mesh_, std::unique_ptr<Communicator> world_, int replicas, const DeviceGroup& device)
    : mesh(mesh_), world(checked(std::move(world_), mesh)) {
  const std::string prefix = device ? "host-" : "";
  host_tp = group_of(mesh, *world, Axis::tp, prefix.c_str());
  host_dp_cp = group_of(mesh, *world, Axis::dp | Axis::cp, prefix.c_str());
  host_pp = group_of(mesh, *world, Axis::pp, prefix.c_str());
  ERGON_CHECK(replicas >= 1 && host_tp->size() % replicas == 0, "{} key/value replicas in a tensor group of {}", replicas, host_tp->size());
  kv_replicas = host_tp->split(host_tp->rank() / replicas, host_tp->rank(), prefix + "kv_replicas");
  pp_gradients = host_pp->split(0, host_pp->rank(), prefix + "pp-gradients");
  embedding = embedding_group(*host_pp, prefix + "embedding");
  control = world->split(0, world->rank(), "control");
  tp = host_tp;
  dp_cp = host_dp_cp;
  pp = host_pp;
  if (!device) return;
  tp = device(host_tp, AxisSet(Axis::tp).to_string(), Traffic::critical);
  dp_cp = device(host_dp_cp, (Axis::dp | Axis::cp).to_string(), Traffic::bulk);
  kv_replicas = device(kv_replicas, "kv_replicas", Traffic::bulk);
  pp = device(host_pp, AxisSet(Axis::pp).to_string(), Traffic::critical);
  pp_gradients = device(pp_gradients, "pp-gradients", Traffic::critical);
  embedding = device(embedding, "embedding", Traffic::bulk);
  for (Communicator* group : device_groups()) group->record(world->flight_record());
}

std::array<Communicator*, 6> Communicators::device_groups() const {
  return {tp.get(), dp_cp.get(), pp.get(), pp_gradients.get(), embedding.get(), kv_replicas.get()};
}

void Communicators::observe(CommunicationObserver* observer) {
  for (Communicator* group : {world.get(), control.get(), host_tp.get(), host_dp_cp.get(), host_pp.get()}) group->observe(observer);
  for (Communicator* group : device_groups()) group->observe(observer);
}

void Communicators::poll() {
  for (Communicator* group : device_groups()) group->poll();
}

}  // namespace ergon
