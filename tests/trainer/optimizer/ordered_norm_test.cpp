// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/ordered_norm.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

#include <mutex>
#include <set>

#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

ParameterSpec spec(const std::string& name, std::int64_t elements, int unit) {
  return {.name = name, .kind = "matrix", .global_shape = {elements}, .box = whole({elements}), .local_shape = {elements}, .unit = unit};
}

// The header's example, parameters that begin and end anywhere, one without a gap behind another, padding, and one that is not counted.
std::vector<ParameterSpec> specs() {
  std::vector<ParameterSpec> all = {spec("large", 100000, 0), spec("a", 35, 1), spec("b", 140001, 1), spec("replica", 50, 1),
                                    spec("padded", 70000, 2)};
  all[3].counts_here = false;
  all[4].box.extent = {66001};  // the rest is padding
  return all;
}

at::Tensor random(std::int64_t elements, std::uint64_t seed, at::ScalarType dtype) {
  return at::randn({elements}, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions().dtype(dtype));
}

// The squares that `ranks` owners under `stage` find, the same number on each.
double squares(at::ScalarType dtype, int ranks, ZeroStage stage) {
  std::set<double> found;
  std::mutex mutex;
  run_local_ranks(ranks, [&](std::unique_ptr<Communicator> group) {
    ParameterStore store(specs(), {{1, 2}}, dtype, at::kCPU, 3, {.stage = stage, .group = group.get(), .bucket = {1}, .units = {.chunks = {1}}});
    OrderedNorm norm(store, *group);
    for (const OwnedPiece& piece : store.pieces()) {
      const at::Tensor all = random(num_elements(specs()[static_cast<std::size_t>(piece.id)].local_shape),
                                    static_cast<std::uint64_t>(piece.id), store.accumulator());
      piece.gradient.copy_(all.narrow(0, piece.run.of_tensor.begin, piece.run.of_tensor.size()));
    }
    norm.squares();
    const double again = norm.squares();
    const std::lock_guard lock(mutex);
    found.insert(again);
  });
  CHECK(found.size() == 1);
  return *found.begin();
}

}  // namespace

TEST_CASE("ordered_norm: the sum of squares of what counts") {
  double expected = 0;
  for (std::size_t id = 0; id < specs().size(); ++id) {
    if (!specs()[id].counts_here) continue;
    const at::Tensor all = random(num_elements(specs()[id].local_shape), id, at::kDouble);
    expected += all.narrow(0, 0, num_elements(specs()[id].box.extent)).pow(2).sum().item<double>();
  }
  CHECK(squares(at::kDouble, 1, ZeroStage::none) == Approx(expected).epsilon(1e-12));
}

TEST_CASE("ordered_norm: the same bits under every stage and on any number of owners, through blocks that cuts go through") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const double one = squares(dtype, 1, ZeroStage::none);
    for (const int ranks : {2, 3, 4, 8})
      for (const ZeroStage stage : {ZeroStage::none, ZeroStage::optimizer, ZeroStage::parameters}) {
        INFO(c10::toString(dtype) << ", " << ranks << " ranks, stage " << static_cast<int>(stage));
        CHECK(squares(dtype, ranks, stage) == one);
      }
  }
}

}  // namespace ergon
