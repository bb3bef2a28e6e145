// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/model_tensors.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/zeros_like.h>

#include <atomic>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;

namespace {

// An embedding of 5 rows cut over tp = 2 and padded to 4 rows a rank (rank 1: 2 real... 3 + 2), a norm on both tensor ranks, a matrix by
// columns.
std::vector<ParameterSpec> specs(int tp_rank) {
  ParameterSpec embedding{"embedding.weight", "embedding", {5, 2}, {{tp_rank * 3, 0}, {tp_rank == 0 ? 3 : 2, 2}}, {4, 2}};
  ParameterSpec norm{"norm.weight", "norm", {2}, whole({2}), {2}};
  norm.unit = 1;
  norm.counts_here = tp_rank == 0;
  ParameterSpec matrix{"matrix.weight", "matrix", {3, 4}, {{0, tp_rank * 2}, {3, 2}}, {3, 2}};
  matrix.unit = 1;
  return {embedding, norm, matrix};
}

struct Rank {
  explicit Rank(int tp_rank) : store(specs(tp_rank), {}, at::kFloat, at::kCPU, 2) {
    const at::Tensor& flat = store.flat_parameters();
    m = at::zeros_like(flat);
    v = at::zeros_like(flat);
  }
  ParameterStore store;
  at::Tensor m, v;
};

}  // namespace

TEST_CASE("writers: the worked example, one rank, fewest bytes first") {
  CHECK(assign_writers({5, 3, 3, 4}, 2) == std::vector<int>{0, 1, 1, 0});
  CHECK(assign_writers({5, 3, 3}, 1) == std::vector<int>{0, 0, 0});
  CHECK(assign_writers({}, 3).empty());
  CHECK_THROWS_AS(assign_writers({1}, 0), Bug);
}

TEST_CASE("a model's tensors: names, boxes, real rows only, one writer each") {
  Rank rank(1);
  for (int dp_rank = 0; dp_rank < 2; ++dp_rank) {
    const auto tensors = model_tensors(rank.store, rank.m, rank.v, 2, dp_rank);
    REQUIRE(tensors.size() == 9);
    CHECK(tensors[0].name == "parameters/embedding.weight");
    CHECK(tensors[4].name == "first_moment/norm.weight");
    CHECK(tensors[8].name == "second_moment/matrix.weight");
    CHECK(tensors[0].global_shape == Extents{5, 2});
    CHECK(tensors[0].piece == whole_piece({{3, 0}, {2, 2}}));
    CHECK(tensors[0].data.numel() == 4);  // 2 real rows of 4 in memory
    CHECK(tensors[0].data.const_data_ptr() == rank.store.weight(0).const_data_ptr());
    CHECK_FALSE(tensors[1].writes_here);  // tensor rank 0 counts the norm
    for (const std::size_t i : {0u, 2u}) {
      for (const std::size_t kind : {0u, 3u, 6u}) CHECK(tensors[i + kind].writes_here == (dp_rank == (i == 0 ? 0 : 1)));
    }
  }
}

TEST_CASE("a model saved on tp 2 x dp 2 loads on one tensor rank of another cut; padding stays as it was") {
  const TemporaryFolder run;
  Storage storage;
  const std::string uuid = run_identity(storage, run.path());
  std::atomic<int> refused = 0;
  run_local_ranks(4, [&](std::unique_ptr<Communicator> control) {
    const int tp_rank = control->rank() % 2;
    Rank rank(tp_rank);
    for (int id = 0; id < 3; ++id) {  // value: 100 x id + global row-major position
      const ParameterSpec& spec = rank.store.specs()[static_cast<std::size_t>(id)];
      float* data = rank.store.weight(id).mutable_data_ptr<float>();
      const std::int64_t columns = spec.box.extent.back(), global_columns = spec.global_shape.back();
      for (std::int64_t i = 0; i < num_elements(spec.box.extent); ++i) {
        const std::int64_t row = i / columns + (spec.box.offset.size() == 2 ? spec.box.offset[0] : 0);
        data[i] = static_cast<float>(100 * id + row * global_columns + i % columns + spec.box.offset.back());
      }
    }
    rank.m.copy_(rank.store.flat_parameters()).mul_(2);
    rank.v.copy_(rank.store.flat_parameters()).mul_(3);
    CheckpointSaver saver(storage, {run.path(), uuid, 1, control->rank(), {1}, {}});
    refused += saver.save(model_tensors(rank.store, rank.m, rank.v, 2, control->rank() / 2), state_of(1), *control).error.has_value();
  });
  CHECK(refused == 0);

  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader loader(storage, run.path(), *control);
  REQUIRE(loader.open());
  std::vector<ParameterSpec> alone = specs(0);
  alone[0].box = whole({5, 2});
  alone[0].local_shape = {8, 2};
  alone[2].box = whole({3, 4});
  alone[2].local_shape = {3, 4};
  ParameterStore store(alone, {}, at::kFloat, at::kCPU, 2);
  store.flat_parameters().fill_(-1);
  const at::Tensor m = at::full_like(store.flat_parameters(), -1), v = at::full_like(store.flat_parameters(), -1);
  loader.load(model_tensors(store, m, v, 1, 0));
  const std::vector<std::int64_t> sizes = {10, 2, 12};
  for (int id = 0; id < 3; ++id) {
    const std::int64_t begin = store.range(id).begin, count = sizes[static_cast<std::size_t>(id)];
    const at::Tensor expected = at::arange(count, at::kFloat).add(100 * id);
    CHECK(store.flat_parameters().narrow(0, begin, count).equal(expected));
    CHECK(m.narrow(0, begin, count).equal(expected.mul(2)));
    CHECK(v.narrow(0, begin, count).equal(expected.mul(3)));
  }
  CHECK(store.flat_parameters().narrow(0, store.range(0).begin + 10, 6).eq(-1).all().item<bool>());
}
