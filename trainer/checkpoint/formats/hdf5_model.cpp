// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/hdf5_model.hpp"

#include <ATen/ops/empty.h>

#include <memory>

#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "configs/toml.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/new_folder.hpp"
#include "trainer/checkpoint/shard_file.hpp"

namespace ergon {

namespace {

constexpr const char* heading = "model";

at::ScalarType scalar_type_of(Hdf5Type type, const std::string& dataset, const std::string& path) {
  if (type == Hdf5Type::f32) return at::kFloat;
  if (type == Hdf5Type::f64) return at::kDouble;
  throw Error(fmt::format("{} is {}, a parameter is f32 or f64", shown_name(dataset), name(type)), path,
              "`ergon checkpoint export --format hdf5` writes such files", ExitCode::data);
}

}  // namespace

std::string model_section(const ModelShape& model) {
  RunConfig config;
  config.model = model;
  std::string text = "[model]\n";
  for (const Key& key : key_table()) {
    if (section_of(key.name) != "model" || (key.name == "model.preset" && model.preset.empty())) continue;
    text += fmt::format("{} = {}\n", key.name.substr(key.name.find('.') + 1), key.print(config));
  }
  return text;
}

Bytes write_hdf5_model(Storage& storage, const std::string& path, const ModelShape& model, const LazyTensors& parameters) {
  if (storage.exists(path)) throw Error("this exists already, and nothing is overwritten", path, "name another file, or remove it");
  std::vector<ShardPiece> pieces;
  for (const LazyTensor& parameter : parameters) {
    if (parameter.dtype != at::kFloat && parameter.dtype != at::kDouble)
      throw Error(fmt::format("HDF5 1.10 has no type for {}", stored_dtype_name(parameter.dtype)), path, "use --dtype float32");
    pieces.push_back({parameter.name, parameter.dtype, parameter.shape, whole_piece(whole(parameter.shape)),
                      [&parameter] { return value_of(parameter); }});
  }
  const std::string folder = parent_folder(path), temporary = path.substr(path.rfind('/') + 1) + ".tmp";
  for (const char* suffix : {".tmp", ".tmp.reserve"}) refuse_leftover(storage, path + suffix);
  storage.make_directories(folder);
  try {
    const ShardTable table = write_shard(storage, folder, temporary, pieces, {heading, {{"model", model_section(model)}}});
    storage.rename(folder + "/" + temporary, path);
    storage.sync_directory(folder);
    return {table.file->bytes};
  } catch (const Error&) {
    if (storage.exists(folder + "/" + temporary)) storage.unlink(folder + "/" + temporary);
    throw;
  }
}

Hdf5Model read_hdf5_model(Storage& storage, const std::string& path) {
  const auto file = std::make_shared<const Storage::File>(storage.open_read(path));
  const Hdf5Contents contents = storage.hdf5(*file, {});
  if (contents.text("ergon_format", path) != heading || contents.integer("ergon_version", path) != 1)
    throw Error(fmt::format("this is no model of version 1: ergon_format is '{}'", shown_name(contents.text("ergon_format", path))), path,
                "`ergon checkpoint export --format hdf5` writes such files", ExitCode::data);
  Hdf5Model read;
  read.model = parse_run_text(contents.text("model", path), path, {}, Purpose::describe).model;
  for (const auto& [dataset, extent] : contents.datasets) {
    const at::ScalarType dtype = scalar_type_of(extent.type, dataset, path);
    read.parameters.push_back({dataset.substr(1), dtype, extent.shape, [&storage, file, extent = extent, dtype] {
                                 at::Tensor value = at::empty(extent.shape, dtype);
                                 storage.pread(*file, {static_cast<std::byte*>(value.mutable_data_ptr()), value.nbytes()}, extent.offset);
                                 return value;
                               }});
  }
  return read;
}

}  // namespace ergon
