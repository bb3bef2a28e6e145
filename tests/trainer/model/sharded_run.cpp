// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/model/sharded_run.hpp"

#include <algorithm>
#include <cmath>

#include "parallel/communicators.hpp"
#include "parallel/plan/head_partition.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/model/transformer.hpp"

namespace ergon::oracle {

Step reference_step(const ModelShape& shape, const Storage& storage, std::int64_t seed) {
  Step step{.shape = shape, .parameters = random_parameters(shape, seed)};
  for (auto& [name, value] : step.parameters) value = value.to(at::kBFloat16).to(at::kDouble);  // any dtype starts from these
  require_gradients(step.parameters);
  step.batches = {make_batch(shape, 2, 10, 20 + seed, 0, 0), make_batch(shape, 2, 10, 21 + seed, 3, 2),
                  make_batch(shape, 2, 10, 22 + seed, 1, 4)};
  for (const Batch& batch : step.batches) {
    const at::Tensor all =
        model_logits(shape, step.parameters, batch.tokens_BT, batch.positions_BT, dropout_masks(shape, batch, 11, 3), storage);
    const at::Tensor loss = loss_sum(all, batch.labels_BT);
    (loss * loss_scale).backward();
    step.losses.push_back(loss.item<double>());
  }
  const Batch& first = step.batches.front();
  step.next_logits_BV = model_logits(shape, step.parameters, first.tokens_BT, first.positions_BT, {}).select(1, 9).detach();
  return step;
}

void add_bfloat16_errors(SquaredErrors& sum, const Step& exact, const Step& rounded, std::unique_ptr<Communicator> world) {
  const int tp = world->size();
  const int replicas = static_cast<int>(partition_heads(exact.shape.heads, exact.shape.kv_heads, tp, world->rank()).kv_replicas);
  const Communicators groups(Mesh({.tp = tp}), std::move(world), replicas);
  Rank rank(exact.shape, exact.parameters, *groups.tp, groups.kv_replicas.get(), at::kBFloat16, std::make_unique<TiledAttention>(4, 3));
  Transformer model(exact.shape, tp, groups.tp->rank(), rank.store, Recompute::none);
  for (std::size_t k = 0; k < exact.batches.size(); ++k) {
    model.forward(exact.batches[k], rank.context);
    model.backward(rank.context, loss_scale, k == 0 ? Write::overwrite : Write::accumulate, [](int) {});
  }
  const auto squares = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).pow(2).sum().item<double>(); };
  for (std::size_t id = 0; id < rank.declared.specs.size(); ++id) {
    const ParameterSpec& spec = rank.declared.specs[id];
    const at::Tensor truth = local_part(gradient_of(exact.parameters.at(spec.name)), spec);
    SquaredError& of = sum[spec.name];
    of.got += squares(rank.store.gradient(static_cast<ParameterId>(id)).to(at::kDouble), truth);
    of.allowed += squares(local_part(gradient_of(rounded.parameters.at(spec.name)), spec), truth);
  }
}

double Errors::worst() const { return std::max({loss, gradients, logits, evaluation}); }

Errors sharded_errors(const Step& step, std::unique_ptr<Communicator> world, std::unique_ptr<LocalAttention> kernel) {
  const int tp = world->size();
  const int replicas = static_cast<int>(partition_heads(step.shape.heads, step.shape.kv_heads, tp, world->rank()).kv_replicas);
  const Communicators groups(Mesh({.tp = tp}), std::move(world), replicas);
  Rank rank(step.shape, step.parameters, *groups.tp, groups.kv_replicas.get(), at::kDouble, std::move(kernel));
  Transformer model(step.shape, tp, groups.tp->rank(), rank.store, Recompute::none);

  Errors errors;
  for (std::size_t k = 0; k < step.batches.size(); ++k) {
    const double loss = model.forward(step.batches[k], rank.context);
    errors.loss = std::max(errors.loss, std::abs(loss - step.losses[k]));
    model.backward(rank.context, loss_scale, k == 0 ? Write::overwrite : Write::accumulate, [](int) {});
  }
  errors.gradients = rank.gradient_error(step.parameters);
  errors.logits = max_error(model.next_token_logits(step.batches.front().tokens_BT, rank.context), step.next_logits_BV);
  if (step.shape.dropout == 0.0) {
    rank.context.training = false;
    errors.evaluation = std::abs(model.forward(step.batches[1], rank.context) - step.losses[1]);
  }
  return errors;
}

}  // namespace ergon::oracle
