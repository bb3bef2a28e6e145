// SPDX-License-Identifier: Apache-2.0
#include "trainer/found_stores.hpp"

#include <filesystem>

namespace ergon {
namespace {

void find(std::string& name, const std::string& before, Storage& storage) {
  const std::filesystem::path path(name);
  if (path.is_relative() && path.filename() == std::filesystem::path(before).filename() && !storage.exists(name) && storage.exists(before))
    name = before;
}

void find_all(std::vector<std::string>& paths, const std::vector<std::string>& before, Storage& storage) {
  if (paths.size() != before.size()) return;
  for (std::size_t i = 0; i < paths.size(); ++i) find(paths[i], before[i], storage);
}

}  // namespace

DataSection found_stores(DataSection data, const DataSection& before, Storage& storage) {
  find_all(data.train, before.train, storage);
  find_all(data.validation, before.validation, storage);
  find(data.packing_table, before.packing_table, storage);
  return data;
}

}  // namespace ergon
