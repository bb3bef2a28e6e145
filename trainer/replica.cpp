// SPDX-License-Identifier: Apache-2.0
#include "trainer/replica.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/gradient_rounds.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/select.hpp"
#include "trainer/model/init.hpp"

namespace ergon {
namespace {

PipelinePlan training_plan(const RunConfig& config, const Placement& place) {
  return plan_pipeline(config.mesh.schedule, place.pp, static_cast<int>(accumulation(config)), place.virtual_stages);
}

PipelinePlan evaluation_plan(const RunConfig& config, const Placement& place) {
  return plan_forwards(place.pp, static_cast<int>(accumulation(config)), place.virtual_stages);
}

// Rows of the residual stream that a rank has of a microbatch.
std::vector<std::int64_t> stream_sizes(const RunConfig& config, const Placement& place) {
  const std::int64_t rows = config.train.microbatch * (config.model.sequence / config.mesh.cp);
  return {rows / (place.sequence_parallel ? place.tp : 1), config.model.width};
}

at::TensorOptions activations(const RunConfig& config, at::Device device) {
  return at::TensorOptions().dtype(scalar_type(config.train.dtype)).device(device);
}

StoreSharding sharding(const RunConfig& config, const Communicators& communicators, const UnitPlan& units) {
  return {.stage = static_cast<ZeroStage>(config.mesh.zero),
          .group = communicators.dp_cp.get(),
          .bucket = config.mesh.bucket,
          .owners_add = config.run.deterministic,
          .units = units,
          .twin = communicators.embedding.get()};
}

std::unique_ptr<GradientReduction> make_reduction(const RunConfig& config, const Communicators& communicators,
                                                  const ParameterStore& store) {
  Communicator& group = *communicators.dp_cp;
  const bool deterministic = config.run.deterministic;
  if (!deterministic && store.stage() != ZeroStage::parameters) return std::make_unique<GradientBuckets>(store.gradient_slices(), group);
  return std::make_unique<GradientRounds>(store.gradient_slices(), group, deterministic ? RoundSum::ordered : RoundSum::summed,
                                          microbatch_order(communicators),
                                          store.stage() == ZeroStage::none ? SumStays::on_every_rank : SumStays::with_owner);
}

at::Tensor zero_moment(const ParameterStore& store) {
  return at::zeros({store.owned_elements()}, at::TensorOptions().dtype(store.accumulator()).device(store.device()));
}

std::vector<Update> updates_of(const ParameterStore& store, const at::Tensor& first_moment, const at::Tensor& second_moment,
                               const std::vector<std::string>& no_decay) {
  std::vector<Update> updates;
  for (const OwnedPiece& piece : store.pieces()) {
    const auto slice = [&](const at::Tensor& shard) { return shard.narrow(0, piece.run.in_shard.begin, piece.run.in_shard.size()); };
    const std::string& kind = store.specs()[static_cast<std::size_t>(piece.id)].kind;
    const bool decays = std::find(no_decay.begin(), no_decay.end(), kind) == no_decay.end();
    updates.push_back({piece.master, piece.gradient, slice(first_moment), slice(second_moment), piece.weight, decays, piece.run.bucket});
  }
  return updates;
}

AttentionChoice choose_attention(const RunConfig& config, const std::string& name, at::Device device) {
  AttentionJob job = attention_job(config.model, scalar_type(config.train.dtype), device.type());
  job.documents = config.data.document_mask;
  job.whole_blocks = config.mesh.cp == 1 || config.mesh.attention == AttentionSharding::ulysses;
  return select_attention(job, name);
}

std::unique_ptr<AttentionStrategy> make_strategy(const RunConfig& config, const Communicators& communicators,
                                                 const LocalAttention& kernel) {
  return make_attention_strategy(context_sharding(config.mesh), config.mesh.gather_heads, {kernel, attention_delta},
                                 {*communicators.cp, *communicators.cp_ring, *communicators.cp_exchange});
}

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return at::kFloat;
    case DType::float64:
      return at::kDouble;
    case DType::bfloat16:
      return at::kBFloat16;
  }
  ERGON_CHECK(false, "dtype {}", static_cast<int>(dtype));
}

Replica::Replica(const RunConfig& config, Communicators& communicators, const std::string& attention, const GemmLibrary& gemm_library,
                 at::Device device)
    : Replica(config, communicators, attention, gemm_library, device,
              placement_of(config.mesh, communicators.mesh, communicators.world->rank())) {}

Replica::Replica(const RunConfig& config, Communicators& communicators, const std::string& attention, const GemmLibrary& gemm_library,
                 at::Device device, const Placement& place)
    : Replica(config, communicators, attention, gemm_library, device, place, Transformer::declare(config.model, place)) {}

Replica::Replica(const RunConfig& config, Communicators& communicators, const std::string& attention, const GemmLibrary& gemm_library,
                 at::Device device_, const Placement& place_, Transformer::Declaration declaration)
    : config(config),
      communicators(communicators),
      place(place_),
      device(device_),
      gemm(audit, gemm_library),
      scratch(device),
      attention(choose_attention(config, attention, device).kernel),
      strategy(make_strategy(config, communicators, *this->attention)),
      parameters(declaration.specs, declaration.packs, scalar_type(config.train.dtype), device, declaration.units.units(),
                 sharding(config, communicators, declaration.units)),
      first_moment(zero_moment(parameters)),
      second_moment(zero_moment(parameters)),
      training(training_plan(config, place), *communicators.pp, *communicators.pp_gradients, stream_sizes(config, place),
               activations(config, device)),
      evaluation(evaluation_plan(config, place), *communicators.pp, *communicators.pp_gradients, stream_sizes(config, place),
                 activations(config, device)),
      slots(training.most_in_flight(), training.plan().microbatches, training.plan().chunks),
      model(config.model, place, parameters, config.train.recompute, training.most_in_flight()),
      tied_table_unit(declaration.tied_table_unit),
      partial_sums(parameters, communicators),
      reduction(make_reduction(config, communicators, parameters)),
      updates(updates_of(parameters, first_moment, second_moment, config.optimizer.no_decay)),
      host_sum(at::zeros({1}, at::kDouble)),
      host_flags(at::zeros({4}, at::kLong)) {
  if (config.run.deterministic) {
    ordered_loss = std::make_unique<OrderedLoss>(accumulation(config), microbatch_order(communicators), *communicators.host_dp_cp);
    ordered_norm = std::make_unique<OrderedNorm>(parameters, *communicators.host_dp_cp);
  }
  initialize_parameters(parameters, config.run.seed);
}

void Replica::use_attention(std::unique_ptr<LocalAttention> kernel) {
  strategy = make_strategy(config, communicators, *kernel);
  attention = std::move(kernel);
}

void Replica::enter(FlightPart part) const {
  if (const auto& record = communicators.world->flight_record()) record->enter(part);
}

StepContext Replica::context(std::int64_t step, std::int64_t first_sample, bool training) {
  StepContext context{gemm, *strategy, *communicators.tp, scratch};
  context.kv_replicas = communicators.kv_replicas->size() > 1 ? communicators.kv_replicas.get() : nullptr;
  context.sequence_parallel = place.sequence_parallel;
  context.seed = config.run.seed;
  context.step = step;
  context.first_sample = first_sample;
  context.training = training;
  return context;
}

}  // namespace ergon
