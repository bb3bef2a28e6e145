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

std::shared_ptr<Communicator> group_of(const Mesh& mesh, Communicator& world, AxisSet axes, const std::string& prefix) {
  const Mesh::ColorKey place = mesh.color_key(world.rank(), axes);
  return world.split(place.color, place.key, prefix + axes.to_string());
}

// Each once: rings and exchanges of all context ranks are the group cp itself.
template <typename Use>
void for_each_device_group(const Communicators& groups, const Use& use) {
  for (Communicator* group : {groups.tp.get(), groups.dp_cp.get(), groups.kv_replicas.get(), groups.cp.get(), groups.pp.get(),
                              groups.pp_gradients.get(), groups.embedding.get()})
    use(*group);
  if (groups.cp_ring == groups.cp) return;
  use(*groups.cp_ring);
  use(*groups.cp_exchange);
}

// The stages that hold the token table, tied: the first and the last. The others are alone.
std::unique_ptr<Communicator> embedding_group(Communicator& pp, const std::string& name) {
  const int last = pp.size() - 1;
  const bool holds_table = pp.rank() == 0 || pp.rank() == last;
  return pp.split(holds_table ? 0 : pp.rank(), pp.rank(), name);
}

}  // namespace

Communicators::Communicators(const Mesh& mesh_, std::unique_ptr<Communicator> world_, int replicas, const DeviceGroup& device,
                             int exchanging)
    : mesh(mesh_), world(checked(std::move(world_), mesh)) {
  const std::string prefix = device ? "host-" : "";
  host_tp = group_of(mesh, *world, Axis::tp, prefix);
  host_dp_cp = group_of(mesh, *world, Axis::dp | Axis::cp, prefix);
  host_pp = group_of(mesh, *world, Axis::pp, prefix);
  ERGON_CHECK(replicas >= 1 && host_tp->size() % replicas == 0, "{} key/value replicas in a tensor group of {}", replicas, host_tp->size());
  kv_replicas = host_tp->split(host_tp->rank() / replicas, host_tp->rank(), prefix + "kv_replicas");
  cp = cp_ring = cp_exchange = group_of(mesh, *world, Axis::cp, prefix);
  ERGON_CHECK(exchanging >= 1 && cp->size() % exchanging == 0, "{} of {} context ranks exchange heads", exchanging, cp->size());
  const bool both = exchanging > 1 && exchanging < cp->size();
  if (both) {
    cp_exchange = cp->split(cp->rank() / exchanging, cp->rank(), prefix + "cp-exchange");
    cp_ring = cp->split(cp->rank() % exchanging, cp->rank(), prefix + "cp-ring");
  }
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
  const std::shared_ptr<Communicator> host_ring = cp_ring, host_exchange = cp_exchange;
  cp = cp_ring = cp_exchange = device(cp, AxisSet(Axis::cp).to_string(), Traffic::critical);
  if (both) {
    cp_exchange = device(host_exchange, "cp-exchange", Traffic::critical);
    cp_ring = device(host_ring, "cp-ring", Traffic::critical);
  }
  pp = device(host_pp, AxisSet(Axis::pp).to_string(), Traffic::critical);
  pp_gradients = device(pp_gradients, "pp-gradients", Traffic::critical);
  embedding = device(embedding, "embedding", Traffic::bulk);
  for (Communicator* group : device_groups()) group->record(world->flight_record());
}

std::vector<Communicator*> Communicators::device_groups() const {
  std::vector<Communicator*> groups;
  for_each_device_group(*this, [&](Communicator& group) { groups.push_back(&group); });
  return groups;
}

void Communicators::observe(CommunicationObserver* observer) {
  const auto observed = [&](Communicator& group) {
    if (group.size() > 1) group.observe(observer);
  };
  for (Communicator* group : {world.get(), control.get(), host_tp.get(), host_dp_cp.get(), host_pp.get()}) observed(*group);
  for_each_device_group(*this, observed);
}

void Communicators::settle() {
  for_each_device_group(*this, [](Communicator& group) { group.settle(); });
}

void Communicators::poll() {
  for_each_device_group(*this, [](Communicator& group) { group.poll(); });
}

}  // namespace ergon
