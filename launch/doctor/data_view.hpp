// SPDX-License-Identifier: Apache-2.0
// Whether a process can read what [data] of a run file names, as plain values.
#pragma once

#include <string>
#include <vector>

#include "configs/data_section.hpp"
#include "configs/quantities.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// One entry of a key.
struct DataView {
  std::string key, path;   // "data.train", the path as it was named
  std::string problem;     // of the first file that cannot be read; empty: none
  std::int64_t files = 0;  // read: one, or the shards of a dataset file
  Bytes bytes = {0};       // of these together

  bool operator==(const DataView&) const = default;
};

// Opens every file and reads its first bytes; in the order of data.train, data.validation, data.packing_table. Throws nothing.
std::vector<DataView> look_at_data(const DataSection& data, Storage& storage);

}  // namespace ergon
