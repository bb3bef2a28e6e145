// SPDX-License-Identifier: Apache-2.0
// Whole training steps of a tiny model through the emulated kernels, registered for the CPU: the same numbers as through the host's
// kernels.
#include "parallel/communicator_local.hpp"
#include "parallel/plan/refusals.hpp"
#include "tests/trainer/kernels/cuda/emulated.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/replica.hpp"
#include "trainer/step.hpp"

using namespace ergon;
using namespace ergon::emulated;
using namespace ergon::test;

namespace {

struct Outcome {
  double loss = 0.0, norm = 0.0;
  at::Tensor parameters, gradients;
  Flops gemm{}, visible{};
};

Outcome two_steps(const TinyRun& tiny, const std::vector<std::string>& keys, const std::string& attention) {
  const RunConfig config = tiny.config(keys);
  InspectingStorage storage;
  const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()), 1);
  Replica replica(config, communicators, attention);
  const Objective objective = objective_of(config, replica.attention->tiles());
  Loader loader(source, {config.train.microbatch, accumulation(config), 1, SequenceLayout::zigzag, objective}, communicators,
                initial_data_state(source, 1));
  Outcome outcome;
  for (int step = 1; step <= 2; ++step) {
    const StepResult result = run_step(replica, loader.next(), step);
    outcome.loss = result.loss;
    outcome.norm = result.grad_norm;
  }
  outcome.parameters = replica.parameters.flat_parameters().clone();
  outcome.gradients = replica.parameters.flat_gradients().clone();
  outcome.gemm = replica.audit.gemm(Phase::backward);
  outcome.visible = replica.audit.attention_visible(Phase::forward);
  return outcome;
}

void compare_steps(const std::vector<std::string>& keys, double tolerance) {
  const TinyRun tiny;
  const Outcome host = two_steps(tiny, keys, "tiled");
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceRegistration registration(at::kCPU, kernels);
  const std::int64_t blocks = emulation::blocks_run();
  const Outcome device = two_steps(tiny, keys, "device");
  CHECK(emulation::blocks_run() > blocks + 1000);
  CHECK(std::abs(device.loss - host.loss) <= tolerance);
  CHECK(std::abs(device.norm - host.norm) <= tolerance * host.norm);
  const auto farthest = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
  CHECK(farthest(device.parameters, host.parameters) <= tolerance);
  CHECK(farthest(device.gradients, host.gradients) <= tolerance);
  CHECK(device.gemm == host.gemm);
  CHECK(device.visible == host.visible);
}

}  // namespace

TEST_CASE("two training steps through the emulated kernels equal the host's: rmsnorm, rotary, swiglu, grouped heads, dropout") {
  compare_steps({}, 1e-12);
}

TEST_CASE("two training steps through the emulated kernels equal the host's: layernorm, learned positions, gelu, a window") {
  compare_steps(
      {"model.norm=layernorm", "model.positions=learned", "model.mlp=gelu", "model.biases=true", "model.kv_heads=4", "model.window=5"},
      1e-12);
}

TEST_CASE("two training steps through the emulated kernels equal the host's: documents kept apart, causal and seen whole") {
  compare_steps({"data.document_mask=true", "model.sequence=48", "train.batch=4", "train.microbatch=2"}, 1e-12);
  compare_steps({"data.document_mask=true", "model.causal=false", "model.sequence=48", "train.batch=4", "train.microbatch=2"}, 1e-12);
}
