// SPDX-License-Identifier: Apache-2.0
// A model as a folder of safetensors: model.safetensors, or, where it is larger than one file shall be, model-00001-of-00003.safetensors,
// ... with model.safetensors.index.json, which says which tensor is where. Both are what Hugging Face reads and writes.
#pragma once

#include <string>

#include "configs/quantities.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

inline constexpr const char* safetensors_name = "model.safetensors";
inline constexpr const char* safetensors_index_name = "model.safetensors.index.json";

// Every tensor of the folder, those of types that checkpoints do not hold too, which only fail when they are read. Names that come out of
// the index are opened inside the folder without following links. Throws Error (ExitCode::data) for what is no such folder.
LazyTensors read_safetensors(Storage& storage, const std::string& folder);

// Writes and syncs the files of `tensors`, in this order, into a folder that exists; no file is larger than `shard` unless one tensor is.
// What all files have together.
Bytes write_safetensors(Storage& storage, const std::string& folder, const LazyTensors& tensors, Bytes shard);

// A small text file of a foreign folder. Throws Error (ExitCode::data) above `limit` bytes.
std::string read_small_text(Storage& storage, const std::string& folder, const std::string& name, std::int64_t limit = 16 << 20);

}  // namespace ergon
