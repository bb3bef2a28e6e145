// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/train.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <sys/resource.h>

#include <algorithm>

#include "configs/clock.hpp"
#include "configs/names.hpp"
#include "launch/bench/timers.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/kernels/gemm_probe.hpp"
#include "trainer/kernels/philox.hpp"
#include "trainer/process.hpp"

namespace ergon {
namespace {

// Uniform tokens: the speed of a step does not depend on them.
at::Tensor random_tokens(const RunConfig& config, std::uint32_t which) {
  at::Tensor tokens_BT = at::empty({config.train.microbatch, config.model.sequence}, at::kLong);
  const PhiloxKey key = philox_key(config.run.seed, Stream::sampler);
  for (std::int64_t i = 0; i < tokens_BT.numel(); ++i)
    tokens_BT.data_ptr<std::int64_t>()[i] = philox4x32({static_cast<std::uint32_t>(i), which, 0, 0}, key)[0] % config.model.vocabulary;
  return tokens_BT;
}

double executed_gemm(const FlopAudit& audit) {
  double sum = 0;
  for (int phase = 0; phase < num_phases; ++phase) sum += static_cast<double>(audit.gemm(static_cast<Phase>(phase)).value);
  return sum;
}

FlopsPerSecond measured_peak(const RunConfig& config, const std::string& library) {
  GemmProbe probe{library, choice_name(config.train.dtype), config.run.threads, {1.0}, {}};
  for (const std::int64_t n : {2048, 1536, 1024}) probe.products.push_back({n, n, n, Transpose::no, Transpose::yes, 1});
  const std::vector<double> seconds = time_products(probe);
  double best = 0;
  for (std::size_t i = 0; i < seconds.size(); ++i) best = std::max(best, probe.products[i].flops() / seconds[i]);
  return {best};
}

// Sums to means of the counted steps.
void average(BenchTrainResult& result, std::int64_t steps) {
  StepSeconds& split = result.split;
  for (Seconds* part : {&split.forward, &split.backward, &split.reduce, &split.optimizer, &result.gemm, &result.attention})
    part->value /= static_cast<double>(steps);
  result.gemm_flops /= static_cast<double>(steps);
}

Bytes peak_memory() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return {usage.ru_maxrss * 1024};
}

}  // namespace

StepBatch synthetic_batch(const RunConfig& config) {
  StepBatch batch;
  for (std::int64_t k = 0; k < accumulation(config); ++k) {
    Batch microbatch;
    microbatch.tokens_BT = random_tokens(config, static_cast<std::uint32_t>(2 * k));
    microbatch.labels_BT = random_tokens(config, static_cast<std::uint32_t>(2 * k + 1));
    microbatch.positions_BT = at::arange(config.model.sequence, at::kLong).expand({config.train.microbatch, -1}).contiguous();
    microbatch.valid_tokens = microbatch.tokens_BT.numel();
    microbatch.first_sample = k * config.train.microbatch;
    batch.valid_tokens += microbatch.valid_tokens;
    batch.microbatches.push_back(std::move(microbatch));
  }
  batch.tokens = batch.valid_tokens;
  return batch;
}

BenchTrainResult bench_train(const RunConfig& config, const BenchTrainOptions& options) {
  prepare_process(config.run.threads);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  BenchTrainResult result;
  result.gemm_library =
      config.run.gemm == GemmName::automatic ? default_gemm_library(choice_name(config.train.dtype)) : choice_name(config.run.gemm);
  const std::unique_ptr<GemmLibrary> library = timed(open_gemm_library(result.gemm_library), result.gemm);
  Replica replica(config, communicators, "auto", *library);
  replica.use_attention(timed(std::move(replica.attention), result.attention));
  const StepBatch batch = synthetic_batch(config);

  for (std::int64_t step = 1; step <= options.warmup + options.steps; ++step) {
    const Clock::time_point start = Clock::now();
    const StepResult stepped = run_step(replica, batch, step);
    const double seconds = since(start).value;
    result.loss = stepped.loss;
    if (step <= options.warmup) {
      result.gemm = result.attention = {};
      replica.audit.reset();
      continue;
    }
    result.tokens_per_second.push_back(static_cast<double>(batch.tokens) / seconds);
    result.split.forward += stepped.seconds.forward;
    result.split.backward += stepped.seconds.backward;
    result.split.reduce += stepped.seconds.reduce;
    result.split.optimizer += stepped.seconds.optimizer;
  }
  result.gemm_flops = executed_gemm(replica.audit);
  average(result, options.steps);
  result.peak_memory = peak_memory();
  result.gemm_peak = measured_peak(config, result.gemm_library);
  return result;
}

}  // namespace ergon
