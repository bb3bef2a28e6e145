// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/safetensors_files.hpp"

#include <ATen/ops/empty.h>

#include <map>
#include <memory>
#include <set>
#include <span>

#include "configs/error.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/formats/safetensors.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/new_folder.hpp"

namespace ergon {

namespace {

constexpr const char* way_out_of_folder = "fetch or export the folder again";

at::Tensor read_entry(Storage& storage, const Storage::File& file, const SafetensorsEntry& entry, std::int64_t start) {
  const auto dtype = scalar_type_of(entry.dtype);
  if (!dtype)
    throw Error(fmt::format("tensor '{}' has dtype {}, which Ergon does not hold", shown_name(entry.name), entry.dtype), file.path(),
                "convert it to F32, F16, BF16 or F64", ExitCode::data);
  at::Tensor tensor = at::empty(entry.shape, *dtype);
  storage.pread(file, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()}, start + entry.begin);
  return tensor;
}

LazyTensors read_file(Storage& storage, const std::string& folder, const std::string& name) {
  const auto file = std::make_shared<const Storage::File>(storage.open_read_inside(folder, name));
  const std::int64_t size = storage.size(*file);
  std::vector<std::byte> prefix(static_cast<std::size_t>(std::min(size, safetensors_prefix)));
  storage.pread(*file, prefix, 0);
  const std::int64_t header_bytes = safetensors_header_bytes(prefix, size, file->path()), start = safetensors_prefix + header_bytes;
  std::string header(static_cast<std::size_t>(header_bytes), '\0');
  storage.pread(*file, std::as_writable_bytes(std::span(header)), safetensors_prefix);
  LazyTensors tensors;
  for (const SafetensorsEntry& entry : parse_safetensors_header(header, size - start, file->path()))
    tensors.push_back({entry.name, scalar_type_of(entry.dtype).value_or(at::kFloat), entry.shape,
                       [&storage, file, entry, start] { return read_entry(storage, *file, entry, start); }});
  return tensors;
}

// tensor -> file
std::map<std::string, std::string> read_weight_map(Storage& storage, const std::string& folder) {
  const std::string where = folder + "/" + safetensors_index_name;
  const Json json = parse_json(read_small_text(storage, folder, safetensors_index_name), where);
  return read_json(where, [&] {
    std::map<std::string, std::string> files;
    for (const auto& [tensor, file] : json.at("weight_map").items()) {
      files[tensor] = file.get<std::string>();
      if (!is_plain_name(files[tensor]))
        throw Error(fmt::format("the file name '{}' is refused: it is not one component of A-Z a-z 0-9 . _ -", shown_name(files[tensor])),
                    where, way_out_of_folder, ExitCode::data);
    }
    return files;
  });
}

LazyTensors read_sharded(Storage& storage, const std::string& folder) {
  const std::map<std::string, std::string> weight_map = read_weight_map(storage, folder);
  const auto refuse = [&](const std::string& what) { throw Error(what, folder + "/" + safetensors_index_name, way_out_of_folder, ExitCode::data); };
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map) files.insert(file);
  LazyTensors tensors;
  for (const std::string& name : files) {
    for (LazyTensor& tensor : read_file(storage, folder, name)) {
      const auto listed = weight_map.find(tensor.name);
      if (listed == weight_map.end() || listed->second != name)
        refuse(fmt::format("{} holds tensor '{}', and the index does not say so", name, shown_name(tensor.name)));
      tensors.push_back(std::move(tensor));
    }
  }
  if (tensors.size() != weight_map.size())
    refuse(fmt::format("the index lists {} tensors, the files hold {}", weight_map.size(), tensors.size()));
  return tensors;
}

// The tensors of each file: as many as fit, one at least.
std::vector<LazyTensors> cut(const LazyTensors& tensors, Bytes shard) {
  std::vector<LazyTensors> files(1);
  std::int64_t bytes = 0;
  for (const LazyTensor& tensor : tensors) {
    if (!files.back().empty() && bytes + bytes_of(tensor) > shard.value) {
      files.emplace_back();
      bytes = 0;
    }
    bytes += bytes_of(tensor);
    files.back().push_back(tensor);
  }
  return files;
}

std::int64_t write_file(Storage& storage, const std::string& path, const LazyTensors& tensors) {
  std::vector<SafetensorsEntry> entries;
  for (const LazyTensor& tensor : tensors) entries.push_back({tensor.name, safetensors_dtype(tensor.dtype), tensor.shape, 0, 0});
  const std::string start = safetensors_start(entries);
  const auto start_bytes = static_cast<std::int64_t>(start.size());
  const std::int64_t size = start_bytes + (entries.empty() ? 0 : entries.back().end);
  const Storage::File file = storage.create(path);
  storage.allocate(file, size);
  storage.pwrite(file, std::as_bytes(std::span(start)), 0);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor value = value_of(tensors[i]);
    storage.pwrite(file, {static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()}, start_bytes + entries[i].begin);
  }
  storage.sync(file);
  return size;
}

}  // namespace

std::string read_small_text(Storage& storage, const std::string& folder, const std::string& name, std::int64_t limit) {
  const Storage::File file = storage.open_read_inside(folder, name);
  if (const std::int64_t size = storage.size(file); size > limit)
    throw Error(fmt::format("{} bytes are refused, the limit of this file is {}", size, limit), file.path(), way_out_of_folder, ExitCode::data);
  return storage.read_text(file);
}

LazyTensors read_safetensors(Storage& storage, const std::string& folder) {
  if (storage.has_inside(folder, safetensors_index_name)) return read_sharded(storage, folder);
  return read_file(storage, folder, safetensors_name);
}

Bytes write_safetensors(Storage& storage, const std::string& folder, const LazyTensors& tensors, Bytes shard) {
  const std::vector<LazyTensors> files = cut(tensors, shard);
  if (files.size() == 1) return {write_file(storage, folder + "/" + safetensors_name, tensors)};
  std::int64_t bytes = 0, payload = 0;
  Json weight_map = Json::object();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, files.size());
    bytes += write_file(storage, folder + "/" + name, files[i]);
    for (const LazyTensor& tensor : files[i]) {
      weight_map[tensor.name] = name;
      payload += bytes_of(tensor);
    }
  }
  const std::string index = Json{{"metadata", {{"total_size", payload}}}, {"weight_map", weight_map}}.dump(2) + "\n";
  write_checked(storage, folder, safetensors_index_name, index);
  return {bytes + static_cast<std::int64_t>(index.size())};
}

}  // namespace ergon
