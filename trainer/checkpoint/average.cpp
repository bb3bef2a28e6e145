// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/average.hpp"

#include <cmath>
#include <numeric>

#include "configs/error.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/lineage.hpp"

namespace ergon {

namespace {

[[noreturn]] void refuse_average(const std::string& what, const std::string& where) {
  throw Error(what, where, "only checkpoints of one model can be averaged: `ergon checkpoint diff` shows how two of them differ",
              ExitCode::data);
}

void check_same(const CheckpointReader& first, const CheckpointReader& other) {
  const LazyTensors a = first.tensors(), b = other.tensors();
  for (const LazyTensor& tensor : a) {
    const LazyTensor* same = find(b, tensor.name);
    if (same == nullptr) refuse_average(fmt::format("tensor {} is not there, and {} has it", tensor.name, first.folder()), other.folder());
    if (same->shape != tensor.shape || same->dtype != tensor.dtype)
      refuse_average(fmt::format("tensor {} has another shape or type than in {}", tensor.name, first.folder()), other.folder());
  }
  for (const LazyTensor& tensor : b)
    if (find(a, tensor.name) == nullptr)
      refuse_average(fmt::format("tensor {} is there, and {} lacks it", tensor.name, first.folder()), other.folder());
}

at::Tensor mean(const LazyTensors& of, const std::vector<double>& weights) {
  if (of.front().dtype == at::kLong || of.front().dtype == at::kByte) {
    const at::Tensor value = value_of(of.front());
    for (const LazyTensor& other : of)
      if (!value.equal(value_of(other)))
        refuse_average(fmt::format("tensor {} holds integers, which differ and have no mean", of.front().name), "");
    return value;
  }
  at::Tensor sum = value_of(of.front()).to(at::kDouble).mul(weights.front());
  for (std::size_t i = 1; i < of.size(); ++i) sum.add_(value_of(of[i]).to(at::kDouble).mul(weights[i]));
  return sum.to(of.front().dtype);
}

std::vector<double> normalised(std::vector<double> weights, std::size_t checkpoints) {
  if (weights.empty()) weights.assign(checkpoints, 1);
  if (weights.size() != checkpoints)
    throw Error(fmt::format("{} weights for {} checkpoints", weights.size(), checkpoints), "--weights",
                "give one a checkpoint, in their order");
  for (const double weight : weights)
    if (!(weight > 0) || !std::isfinite(weight))
      throw Error(fmt::format("the weight {} is not a number above 0", weight), "--weights", "leave the checkpoint out instead");
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::string merged_record(const std::vector<CheckpointReader>& checkpoints, const std::vector<double>& weights) {
  Json record = Json::array();
  for (std::size_t i = 0; i < checkpoints.size(); ++i)
    record.push_back({{"uuid", checkpoints[i].manifest().id.uuid}, {"step", checkpoints[i].state().step}, {"weight", weights[i]}});
  return record.dump();
}

}  // namespace

CanonicalContents average(const std::vector<CheckpointReader>& checkpoints, std::vector<double> weights) {
  if (checkpoints.size() < 2) throw Error("a mean needs two checkpoints at least", "ergon checkpoint merge", "name more of them");
  weights = normalised(std::move(weights), checkpoints.size());
  const CheckpointReader& first = checkpoints.front();
  for (const CheckpointReader& other : checkpoints) check_same(first, other);

  RunState state = first.state();
  state.records["merged"] = merged_record(checkpoints, weights);
  CanonicalContents contents{{make_uuid(), state.step, first.manifest().id.attempt},
                             std::nullopt,
                             first.manifest().run_uuid,
                             state.health,
                             to_text(state),
                             first.provenance(),
                             {}};
  std::vector<LazyTensors> all;
  for (const CheckpointReader& checkpoint : checkpoints) all.push_back(checkpoint.tensors());
  for (const LazyTensor& tensor : all.front()) {
    LazyTensors of;
    for (const LazyTensors& tensors : all) of.push_back(*find(tensors, tensor.name));
    LazyTensor merged = tensor;
    merged.read = [of, weights] { return mean(of, weights); };
    contents.tensors.push_back(std::move(merged));
  }
  return contents;
}

}  // namespace ergon
