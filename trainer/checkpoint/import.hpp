// SPDX-License-Identifier: Apache-2.0
// A model that somebody else trained, or that was exported, as the beginning of a run: a run folder whose config.toml has the model, with
// a checkpoint of step 0 that attempt 0 made. `ergon train` with this folder resumes from it: parameters as they were, an optimizer that
// has seen nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/model_shape.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct ForeignModel {
  ModelShape model;
  LazyTensors parameters;  // by our names, exactly those of the model
  std::string format;      // "gpt2", "llama", "ergon"
};

// A folder with config.json and safetensors; a file that `export --format hdf5` wrote; a checkpoint or the run folder of one. Throws Error
// (ExitCode::data) for what is none of these, and for every pickle (*.pt, *.bin, *.pth, *.ckpt), with the way to safetensors.
ForeignModel open_model(Storage& storage, const std::string& path, std::vector<std::string>& messages);

struct ImportOfModel {
  std::string run_folder;               // does not exist yet
  std::vector<std::string> data;        // token stores for data.train; may be empty
  std::optional<at::ScalarType> dtype;  // float32 or float64; none: float64 where the model is, else float32
  std::string source;                   // where it came from, for the record
};

struct ImportedRun {
  std::string checkpoint;  // folder
  at::ScalarType dtype = at::ScalarType::Float;
  std::int64_t parameters = 0;  // elements
};

ImportedRun import_model(Storage& storage, const ForeignModel& model, const ImportOfModel& options);

// The record in RunState::records of an imported checkpoint; such a state has no data state, and a config of [model] alone.
inline constexpr const char* imported_record = "imported";

// Throws Error (ExitCode::data), naming the keys, when the model of `config` is not the one that was imported into this state.
void check_imported_model(const RunState& state, const ModelShape& model, const std::string& where);

}  // namespace ergon
