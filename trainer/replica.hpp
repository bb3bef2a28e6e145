// SPDX-License-Identifier: Apache-2.0
// Everything of one rank that a training step reads or changes, built once from the run's configuration. Plain members in the order of
// construction: each uses those before it.
#pragma once

#include <memory>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/communicators.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "parallel/flight_record.hpp"
#include "parallel/gradients.hpp"
#include "parallel/pipeline_executor.hpp"
#include "trainer/arena.hpp"
#include "trainer/flop_audit.hpp"
#include "trainer/kernels/gemm.hpp"
#include "trainer/model/parameter_store.hpp"
#include "trainer/model/transformer.hpp"
#include "trainer/optimizer/ordered_norm.hpp"
#include "trainer/ordered_loss.hpp"
#include "trainer/partial_sums.hpp"
#include "trainer/slot_table.hpp"

namespace ergon {

at::ScalarType scalar_type(DType dtype);

// What AdamW reads and writes of one piece of the store: slices of flat buffers.
struct Update {
  at::Tensor master, gradient, first_moment, second_moment;
  at::Tensor weight;  // rounded; undefined where the master is the weight
  bool decays;        // weight decay applies
  int bucket;         // ParameterStore::start_sharing after its last piece
};

struct Replica {
  // Draws the initial weights from run.seed. Throws Error as the mesh, the partitions and the choice of an attention kernel do.
  // attention: a kernel's name or "auto" (trainer/attention/select.hpp).
  Replica(const RunConfig& config, Communicators& communicators, const std::string& attention = "auto",
          const GemmLibrary& gemm_library = torch_gemm_library(), at::Device device = at::kCPU);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  void use_attention(std::unique_ptr<LocalAttention> kernel);
  // What the watchdog of another rank hears of this one.
  void enter(FlightPart part) const;
  StepContext context(std::int64_t step, std::int64_t first_sample, bool training = true);

  const RunConfig& config;
  Communicators& communicators;
  Placement place;    // of this rank in the model
  at::Device device;  // of every tensor below
  FlopAudit audit;
  Gemm gemm;
  Arena scratch;
  std::unique_ptr<LocalAttention> attention;
  std::unique_ptr<AttentionStrategy> strategy;  // over `attention`
  ParameterStore parameters;
  at::Tensor first_moment, second_moment;  // of the masters that this rank has, laid out as its shard
  PipelineExecutor training, evaluation;   // this stage's part of the schedule
  SlotTable slots;
  Transformer model;
  int tied_table_unit;  // of the last of several stages, else -1
  PartialSums partial_sums;
  std::unique_ptr<GradientReduction> reduction;
  std::vector<Update> updates;                // by piece of `parameters`: by parameter without ZeRO
  at::Tensor host_sum;                        // float64 [1]: what a step sums over ranks
  at::Tensor host_flags;                      // int64 [4]: what ranks agree on
  std::unique_ptr<OrderedLoss> ordered_loss;  // these two: deterministic mode only
  std::unique_ptr<OrderedNorm> ordered_norm;

 private:
  Replica(const RunConfig& config, Communicators& communicators, const std::string& attention, const GemmLibrary& gemm_library,
          at::Device device, const Placement& place);
  Replica(const RunConfig& config, Communicators& communicators, const std::string& attention, const GemmLibrary& gemm_library,
          at::Device device, const Placement& place, Transformer::Declaration declaration);
};

}  // namespace ergon
