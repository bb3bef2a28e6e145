// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/export_state.hpp"

#include <algorithm>
#include <filesystem>

#include "configs/error.hpp"
#include "tests/fault/good_state.hpp"

namespace ergon::test {

namespace {

// Whether every file of `good` is there as it was, whatever else is.
bool holds(const Tree& tree, const Tree& good) {
  return std::ranges::all_of(good, [&](const auto& entry) { return tree.count(entry.first) && tree.at(entry.first) == entry.second; });
}

}  // namespace

std::string look_at_export(const CheckpointReader& checkpoint, const ExportOptions& options, const std::string& output, const Tree& good) {
  UnsyncedStorage storage;
  const std::string folder = parent_folder(output);
  if (storage.exists(output)) return holds(read_tree(folder), good) ? "whole" : "WRONG BYTES";
  for (int refusals = 0;; ++refusals) {
    try {
      export_model(storage, checkpoint, output, options);
      return read_tree(folder) == good ? "nothing" : "nothing, then not";
    } catch (const Error& error) {
      if (refusals == 2 || !contains(error.problem(), "left over") || error.hint() != "remove it")
        return "nothing, then " + error.problem();
      std::filesystem::remove_all(error.where());
    }
  }
}

}  // namespace ergon::test
