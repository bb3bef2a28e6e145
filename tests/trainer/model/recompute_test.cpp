// SPDX-License-Identifier: Apache-2.0
// What a policy keeps is what accounting says, to the byte; and what it rebuilds has the same bits.
#include "accounting/activation_memory.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicators.hpp"
#include "parallel/plan/head_partition.hpp"
#include "tests/trainer/model/sharded_run.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/model/transformer.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {
namespace {

constexpr Recompute policies[] = {Recompute::none, Recompute::selective, Recompute::core, Recompute::full};

// The gradients of two microbatches under a policy, in one pass or in halves.
at::Tensor gradients_under(Recompute policy, const ModelShape& shape, at::ScalarType dtype, bool halves) {
  const auto tp = solo();
  Rank rank(shape, random_parameters(shape, 1), *tp, nullptr, dtype, std::make_unique<TiledAttention>(4, 3));
  Transformer model(shape, 1, 0, rank.store, policy, 2);
  const Batch batches[] = {make_batch(shape, 2, 10, 5, 0, 0), make_batch(shape, 2, 8, 6, 3, 2)};
  for (int k = 0; k < 2; ++k) model.forward(batches[k], rank.context, k);
  for (int k = 0; k < 2; ++k) {
    const Write write = k == 0 ? Write::overwrite : Write::accumulate;
    if (!halves)
      model.backward(
          rank.context, loss_scale, write, [](int) {}, k);
    if (halves) model.backward_input(rank.context, loss_scale, k, at::Tensor());
    if (halves)
      model.backward_weight(
          rank.context, write, [](int) {}, k);
  }
  return rank.store.flat_gradients().clone();
}

DType dtype_of(at::ScalarType type) { return type == at::kDouble ? DType::float64 : type == at::kFloat ? DType::float32 : DType::bfloat16; }

}  // namespace

TEST_CASE("recompute: gradients have the bits of a run that keeps everything, whole and in halves") {
  for (const ModelShape& shape : variants())
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16}) {
      const at::Tensor kept = gradients_under(Recompute::none, shape, dtype, false);
      for (const Recompute policy : policies)
        for (const bool halves : {false, true}) {
          CAPTURE(describe(shape), static_cast<int>(policy), static_cast<int>(dtype), halves);
          CHECK(max_error(gradients_under(policy, shape, dtype, halves), kept) == 0.0);
        }
    }
}

TEST_CASE("recompute: what is kept, and what lies between the halves of backward, is what accounting says, to the byte") {
  for (const ModelShape& shape : variants())
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16})
      for (const int tp : {1, 2})
        for (const bool parted : {false, true})
          for (const Recompute policy : policies) {
            if (parted && tp == 1) continue;
            CAPTURE(describe(shape), static_cast<int>(policy), static_cast<int>(dtype), tp, parted);
            std::vector<std::int64_t> kept(static_cast<std::size_t>(tp)), told(kept.size()), between(kept.size()),
                told_between(kept.size());
            run_local_ranks(tp, [&](std::unique_ptr<Communicator> world) {
              const int rank = world->rank();
              const int replicas = static_cast<int>(partition_heads(shape.heads, shape.kv_heads, tp, rank).kv_replicas);
              const Communicators groups(Mesh({.tp = tp}), std::move(world), replicas);
              Rank under_test(shape, random_parameters(shape, 1), *groups.tp, groups.kv_replicas.get(), dtype);
              under_test.context.sequence_parallel = parted;
              Transformer model(shape, tp, rank, under_test.store, policy);
              model.forward(make_batch(shape, 3, 10, 5, 0, 0), under_test.context);
              kept[static_cast<std::size_t>(rank)] = model.kept_bytes(0).value;
              model.backward_input(under_test.context, 1.0, 0, at::Tensor());
              between[static_cast<std::size_t>(rank)] = model.kept_between_halves(0).value;
              const StageChunk whole = {0, shape.layers, true, true};
              const ActivationShare share = {3, 10, tp, rank, parted, policy, dtype_of(dtype)};
              told[static_cast<std::size_t>(rank)] = kept_activations(shape, whole, share).value;
              told_between[static_cast<std::size_t>(rank)] = kept_between_halves(shape, whole, share).value;
            });
            CHECK(kept == told);
            CHECK(between == told_between);
          }
}

TEST_CASE("recompute: nothing is allocated after the first step") {
  for (const Recompute policy : policies) {
    const ModelShape shape = variants()[0];
    const auto tp = solo();
    Rank rank(shape, random_parameters(shape, 1), *tp);
    Transformer model(shape, 1, 0, rank.store, policy);
    std::vector<std::int64_t> growths;
    for (int step = 0; step < 3; ++step) {
      model.forward(make_batch(shape, 3, 10, step, 2, 0), rank.context);
      model.backward(rank.context, 0.1, Write::overwrite, [](int) {});
      growths.push_back(model.allocations() + rank.scratch.growths());
    }
    CHECK(growths[2] == growths[0]);
  }
}

}  // namespace ergon::oracle
