// SPDX-License-Identifier: Apache-2.0
#include "trainer/partial_sums.hpp"

#include <stdexcept>

#include "parallel/communicator_local.hpp"
#include "trainer/model/declaration.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

ModelShape shape() {
  ModelShape shape;
  shape.layers = 2;
  shape.width = 16;
  shape.heads = shape.kv_heads = 2;
  shape.head_width = 8;
  shape.ffn_width = 32;
  shape.vocabulary = 257;
  shape.sequence = 8;
  shape.norm = Norm::layernorm;
  shape.positions = Positions::learned;
  return shape;
}

// Gradients of 1 + rank everywhere; after the sums of every unit `expected(spec, own)` says what they are.
template <class Factor>
void check_sums(const Mesh& mesh, const MeshSection& section, const Factor& expected, StoreSharding sharding = {}) {
  run_local_ranks(mesh.size(), [&](std::unique_ptr<Communicator> world) {
    const int rank = world->rank();
    const Communicators groups(mesh, std::move(world));
    const ModelDeclaration declared = declare_parameters(shape(), placement_of(section, mesh, rank));
    StoreSharding mine = sharding;
    mine.units = declared.units;
    mine.twin = groups.embedding.get();
    const ParameterStore store(declared.specs, declared.packs, at::kDouble, at::kCPU, declared.units.units(), mine);
    store.flat_gradients().fill_(1.0 + rank);
    PartialSums sums(store, groups);
    for (int unit = declared.units.units() - 1; unit >= 0; --unit) sums.sum(unit);
    for (std::size_t id = 0; id < declared.specs.size(); ++id) {
      const ParameterSpec& spec = declared.specs[id];
      const at::Tensor gradient = store.gradient(static_cast<ParameterId>(id));
      const double want = expected(spec, 1.0 + rank);
      if (gradient.min().item<double>() != want || gradient.max().item<double>() != want) throw std::runtime_error(spec.name);
    }
  });
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

TEST_CASE("partial_sums: under sequence parallelism norms, row-parallel biases and positions are summed over tp, nothing else") {
  MeshSection section;
  section.tp = 2;
  for (const bool parted : {false, true}) {
    section.sequence_parallel = parted;
    check_sums(Mesh({.tp = 2}), section, [&](const ParameterSpec& spec, double own) {
      const bool partial = spec.kind == "norm" || ends_with(spec.name, "attention.output.bias") || ends_with(spec.name, "down.bias") ||
                           spec.name == "embedding.positions.weight";
      return partial && parted ? 3.0 : own;
    });
  }
}

TEST_CASE("partial_sums: a tied table is summed over the first and the last stage") {
  MeshSection section;
  section.pp = 2;
  check_sums(Mesh({.pp = 2}), section,
             [](const ParameterSpec& spec, double own) { return spec.name == "embedding.tokens.weight" ? 3.0 : own; });
}

TEST_CASE("partial_sums: a tied table that owners sum is left to them") {
  MeshSection section;
  section.pp = 2;
  check_sums(Mesh({.pp = 2}), section, [](const ParameterSpec&, double own) { return own; }, {.owners_add = true});
}
