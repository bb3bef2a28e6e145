// SPDX-License-Identifier: Apache-2.0
// Small models with a value for every element known from its name and index, gains and biases included, and what Ergon computes from the
// checkpoint of one.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <sstream>

#include "configs/parse.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/checkpoint/canonical.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/formats/hdf5_model.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/model_tensors.hpp"
#include "trainer/model/declaration.hpp"
#include "trainer/process.hpp"
#include "trainer/replica.hpp"

namespace ergon::test {

// `more`: further keys of [model], a line each, over the others.
inline ModelShape shape_of(const std::string& keys, const std::string& more) {
  std::vector<std::string> overrides;
  std::istringstream lines(more);
  for (std::string line; std::getline(lines, line);) overrides.push_back("model." + line);
  return parse_run_text("[model]\n" + keys, "test", overrides, Purpose::describe).model;
}

inline ModelShape tiny_gpt2(const std::string& more = "") {
  return shape_of("layers = 2\nwidth = 16\nheads = 4\nffn_width = 24\nvocabulary = 61\nsequence = 12\n", more);
}
inline ModelShape tiny_llama(const std::string& more = "") {
  return shape_of(
      "layers = 2\nwidth = 16\nheads = 4\nkv_heads = 2\nffn_width = 24\nvocabulary = 61\nsequence = 12\nnorm = \"rmsnorm\"\npositions = "
      "\"rotary\"\nmlp = \"swiglu\"\nbiases = false\ntied = false\nrope_theta = 500.0\n",
      more);
}

// Near N(0, 1), of a name and an index.
inline double noise(const std::string& name, std::int64_t index) {
  std::uint64_t x = std::hash<std::string>{}(name) + static_cast<std::uint64_t>(index) * 0x9e3779b97f4a7c15ull;
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 32;
    sum += static_cast<double>(x >> 11) * 0x1p-53 - 0.5;
  }
  return sum * std::sqrt(3.0);
}

// Scales at which every tensor moves the logits, whose standard deviation is about 5.
inline double value_at(const ParameterSpec& spec, std::int64_t index) {
  const double n = noise(spec.name, index), width = static_cast<double>(spec.global_shape.back());
  if (spec.kind == "norm") return spec.name.ends_with(".weight") ? 1 + 0.3 * n : 0.3 * n;
  if (spec.kind == "bias") return 0.5 * n;
  if (spec.name == "embedding.positions.weight") return n;
  if (spec.kind == "embedding" || spec.name == "head.weight") return 5 / std::sqrt(width) * n;
  return 2 / std::sqrt(width) * n;
}

inline LazyTensors noisy_parameters(const ModelShape& model, at::ScalarType dtype) {
  LazyTensors parameters;
  for (const ParameterSpec& spec : declare_parameters(model, 1, 0).specs) {
    parameters.push_back({spec.name, dtype, spec.global_shape, [spec, dtype] {
                            at::Tensor value = at::empty(spec.global_shape, at::kDouble);
                            double* data = value.mutable_data_ptr<double>();
                            for (std::int64_t i = 0; i < value.numel(); ++i) data[i] = value_at(spec, i);
                            return value.to(dtype);
                          }});
  }
  return parameters;
}

// The folder of a checkpoint of step 7 in a run folder that it makes, with moments that are the parameters once more.
inline std::string save_model(Storage& storage, const std::string& run, const ModelShape& model, at::ScalarType dtype = at::kFloat) {
  RunState state;
  state.step = 7;
  state.config = model_section(model);
  CanonicalContents contents;
  contents.id = {make_uuid(), 7, 1};
  contents.run_uuid = run_identity(storage, run);
  contents.state = to_text(state);
  contents.provenance = std::string("{}");
  for (const char* kind : {"parameters/", "first_moment/", "second_moment/"}) {
    for (LazyTensor& tensor : noisy_parameters(model, dtype)) {
      tensor.name = kind + tensor.name;
      contents.tensors.push_back(std::move(tensor));
    }
  }
  const std::string folder = checkpoints_folder(run) + "/" + checkpoint_name(7, 1);
  write_canonical(storage, folder, contents);
  return folder;
}

// Logits [T, V] of the newest checkpoint of a run in the type of its parameters, on one rank.
inline at::Tensor logits_of(Storage& storage, const std::string& run, const std::vector<std::int64_t>& tokens) {
  prepare_process(1);
  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader checkpoint(storage, run, *control, Damaged::pass_over);
  ERGON_CHECK(checkpoint.open(), "no checkpoint in {}", run);
  const CheckpointReader reader(storage, checkpoint.folder());
  const bool doubles = reader.index().tensors.front().dtype == at::kDouble;
  const RunConfig config =
      parse_run_text(model_section(reader.model()) + fmt::format("[train]\ndtype = \"{}\"\n", doubles ? "float64" : "float32"), run, {},
                     Purpose::describe);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  Replica replica(config, communicators);
  checkpoint.load(model_tensors(replica.parameters, replica.first_moment, replica.second_moment, 1, 0));
  at::Tensor logits = at::empty({static_cast<std::int64_t>(tokens.size()), config.model.vocabulary}, at::kDouble);
  for (std::int64_t t = 0; t < logits.size(0); ++t) {
    const at::Tensor context = at::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.begin() + t + 1)).view({1, t + 1});
    StepContext step = replica.context(0, 0, /*training=*/false);
    const Arena::Frame frame(replica.scratch);
    logits.select(0, t).copy_(replica.model.next_token_logits(context, step)[0]);
  }
  return logits;
}

}  // namespace ergon::test
