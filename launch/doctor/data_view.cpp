// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/data_view.hpp"

#include <fmt/format.h>

#include <array>

#include "configs/error.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon {
namespace {

// A server may hand out a file that it will not let be read: a byte is asked for.
void read_beginning(const StorePlace& place, Storage& storage, DataView& view) {
  const Storage::File file = open_token_store(place, storage);
  const std::int64_t size = storage.size(file);
  std::array<std::byte, 1> first = {};
  if (size > 0) storage.pread(file, first, 0);
  ++view.files;
  view.bytes.value += size;
}

DataView look_at(const std::string& key, const std::string& path, Storage& storage) {
  DataView view{key, path, "", 0, {0}};
  try {
    for (const StorePlace& place : store_places({path}, storage)) read_beginning(place, storage, view);
  } catch (const Error& error) {
    view.problem = error.where().empty() || error.where() == path ? error.problem() : fmt::format("{}: {}", error.where(), error.problem());
  }
  return view;
}

}  // namespace

std::vector<DataView> look_at_data(const DataSection& data, Storage& storage) {
  std::vector<DataView> views;
  for (const std::string& path : data.train) views.push_back(look_at("data.train", path, storage));
  for (const std::string& path : data.validation) views.push_back(look_at("data.validation", path, storage));
  if (!data.packing_table.empty()) views.push_back(look_at("data.packing_table", data.packing_table, storage));
  return views;
}

}  // namespace ergon
