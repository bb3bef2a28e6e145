// SPDX-License-Identifier: Apache-2.0
// Whole runs as on GPUs: every kernel emulated, tensors of the device over the mock of NCCL, control and batches over host groups; against
// the same runs on the host.
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/parallel/nccl_mock.hpp"
#include "tests/trainer/kernels/cuda/emulated.hpp"
#include "tests/trainer/tiny_run.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<double> losses(const std::string& folder) {
  std::vector<double> result;
  std::istringstream lines(read_file(folder + "/events.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line);
    if (event.at("event") == "step") result.push_back(event.at("loss"));
    if (event.at("event") == "evaluation") result.push_back(event.at("loss"));
  }
  return result;
}

// Returns what went wrong; empty for a run that reached its target.
std::string run_on_mock(const RunConfig& config) {
  const Mesh mesh = mesh_of(config.mesh);
  NcclMock mock(mesh.size());
  std::string failed = on_mock(mock, mesh.size(), [&](auto context, auto host, Failures& failures) {
    prepare_process(1);
    const int replicas = static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, mesh.size(Axis::tp), 0).kv_replicas);
    Communicators communicators(mesh, host->split(0, host->rank(), "world"), replicas, context->groups(),
                                context_sharding(config.mesh).exchanging());
    InspectingStorage storage;
    failures.expect(run_training(config, communicators, storage, {}).code == ExitCode::ok, "the run reaches its target");
    failures.expect(mesh.size() == 1 || communicators.tp.get() != communicators.host_tp.get(), "a group of the device's own");
  });
  for (const std::string& text : mock.disagreements()) failed += text + "\n";
  if (mesh.size() > 1 && mock.launches(0).empty()) failed += "nothing went over NCCL\n";
  // The schedule fixes the order of launches: the same groups and operations on every rank of a stage, as many as each other.
  const auto order = [&](int rank) {
    std::vector<std::pair<std::string, std::string>> launches;
    for (const MockLaunch& launch : mock.launches(rank)) launches.emplace_back(launch.group, launch.operation);
    return launches;
  };
  std::map<int, int> first_of_stage;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const int first = first_of_stage.emplace(mesh.coordinate(rank, Axis::pp), rank).first->second;
    if (order(rank) != order(first)) failed += fmt::format("rank {} launched in another order than rank {}\n", rank, first);
  }
  return failed;
}

void compare_runs(const std::vector<std::string>& keys, double tolerance) {
  const TinyRun tiny;
  std::vector<std::string> elsewhere = keys;
  elsewhere.push_back("run.folder=\"" + tiny.folder / "device" + "\"");
  const RunConfig host = tiny.config(keys), device = tiny.config(elsewhere);
  CHECK(tiny.run(host).code == ExitCode::ok);
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceRegistration registration(at::kCPU, kernels);
  CHECK(run_on_mock(device) == "");
  const std::vector<double> expected = losses(host.run.folder), got = losses(device.run.folder);
  CHECK(got.size() == expected.size());
  CHECK(got.size() >= static_cast<std::size_t>(device.train.steps));
  double farthest = 0;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) farthest = std::max(farthest, std::abs(got[i] - expected[i]));
  CHECK(farthest <= tolerance);
}

}  // namespace

TEST_CASE("twenty steps through emulated kernels give the losses of the host, in fp64") { compare_runs({"train.steps=20"}, 1e-10); }

TEST_CASE("so do ranks that meet over the mock of NCCL: dp, tp, both") {
  compare_runs({"mesh.dp=2"}, 1e-10);
  compare_runs({"mesh.tp=2", "model.kv_heads=1"}, 1e-10);
  compare_runs({"mesh.dp=2", "mesh.tp=2"}, 1e-10);
}

TEST_CASE("so do ranks that share parameters, gradients and moments") {
  compare_runs({"mesh.dp=2", "mesh.zero=1"}, 1e-10);
  compare_runs({"mesh.dp=2", "mesh.zero=3", "mesh.tp=2"}, 1e-10);
}

TEST_CASE("in the deterministic mode the losses of a device have the same bits over dp and zero") {
  const TinyRun tiny;
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceRegistration registration(at::kCPU, kernels);
  const auto curve = [&](const std::string& name, int dp, int zero) {
    const RunConfig config = tiny.config({"train.dtype=float32", "run.deterministic=true", "mesh.tp=2", fmt::format("mesh.dp={}", dp),
                                          fmt::format("mesh.zero={}", zero), "run.folder=\"" + tiny.folder / name + "\""});
    CHECK(run_on_mock(config) == "");
    return losses(config.run.folder);
  };
  const std::vector<double> one = curve("one", 1, 0);
  CHECK(one.size() > 6);
  CHECK(curve("two", 2, 0) == one);
  CHECK(curve("four", 4, 3) == one);
}

TEST_CASE("so do stages of a pipeline, context ranks and owners under ZeRO") {
  const auto steps = [](std::vector<std::string> keys) {
    keys.insert(keys.end(), {"train.steps=2", "train.evaluate_every=2", "train.batch=4"});
    compare_runs(keys, 1e-10);
  };
  steps({"mesh.pp=2", "mesh.schedule=\"1f1b\""});
  steps({"mesh.pp=2", "mesh.tp=2", "mesh.schedule=\"zero_bubble\""});
  steps({"mesh.pp=2", "mesh.schedule=\"interleaved\"", "mesh.virtual_stages=2", "model.layers=4"});
  steps({"mesh.cp=2", "mesh.dp=2", "mesh.zero=3"});
  steps({"mesh.cp=2", "mesh.attention=ulysses"});
  steps({"mesh.cp=2", "mesh.attention=gather_kv"});
  steps({"mesh.cp=4", "mesh.attention=hybrid", "mesh.ulysses=2"});
}

TEST_CASE("so does bfloat16, within its rounding") { compare_runs({"mesh.tp=2", "train.dtype=bfloat16"}, 0.05); }
