// SPDX-License-Identifier: Apache-2.0
// The model of a checkpoint in a format that others read: its parameters, without what the optimizer keeps.
//
//   safetensors   a folder for Hugging Face: config.json and model.safetensors, or files of at most `shard` with their index
//   pt            the same with pytorch_model.bin, for programs that read nothing else
//   hdf5          one file of any model under our own names (formats/hdf5_model.hpp)
#pragma once

#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_reader.hpp"

namespace ergon {

enum class ExportFormat { safetensors, hdf5, pt };

struct ExportOptions {
  ExportFormat format = ExportFormat::safetensors;
  std::optional<at::ScalarType> dtype;  // none: as the checkpoint has it
  Bytes shard = {5'000'000'000};        // safetensors only
};

struct ExportResult {
  std::string layout;  // "gpt2", "llama", or "ergon"
  std::int64_t tensors = 0;
  Bytes bytes = {};
};

// `output` does not exist yet; it is there complete or not at all. Throws Error (ExitCode::config) for a model that has no layout there,
// naming its keys.
ExportResult export_model(Storage& storage, const CheckpointReader& checkpoint, const std::string& output, const ExportOptions& options);

}  // namespace ergon
