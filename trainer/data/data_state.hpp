// SPDX-License-Identifier: Apache-2.0
// Where a run stands in its data: a small record in every checkpoint, never an iterator.
//
// The samples of a run are numbered by ordinals 0, 1, 2, ...; ordinal n is place n mod N of epoch n div N. A skip range takes ordinals out
// of the sequence and renumbers nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/token_source.hpp"

namespace ergon {

struct DataState {
  struct Source {
    std::string uuid;
    std::int64_t weight[2] = {1, 1};  // an integer ratio
    std::int64_t consumed = 0;        // samples
    bool operator==(const Source&) const = default;
  };
  // Ordinals [begin, end).
  struct Skip {
    std::int64_t begin, end;
    bool operator==(const Skip&) const = default;
  };

  int version = 1;
  std::int64_t seed = 1;
  std::int64_t epoch = 0, index = 0;  // of the next sample
  std::vector<Source> sources;
  std::vector<Skip> skip_ranges;
  std::string packing_hash;
  std::string fingerprint;  // of the data set

  bool operator==(const DataState&) const = default;
};

// The state of a run that has read nothing.
DataState initial_data_state(const TokenSource& source, std::int64_t seed);

// The first ordinal >= `ordinal` that no skip range holds.
std::int64_t skip_forward(const std::vector<DataState::Skip>& skips, std::int64_t ordinal);

// Of the next sample, before skips; `samples`: of an epoch.
std::int64_t ordinal_of(const DataState& state, std::int64_t samples);

// Takes [begin, end) out of the sequence too; ranges that meet become one.
void add_skip(DataState& state, DataState::Skip skip);

std::string to_json(const DataState& state);
// Throws Error (ExitCode::data, at `where`) for text that is not a data state of a known version.
DataState data_state_from_json(const std::string& text, const std::string& where);

// Throws Error (ExitCode::data) when a state saved earlier does not belong to this data: other stores, another packing, another seed.
void check_data_state(const DataState& state, const TokenSource& source, std::int64_t seed);

}  // namespace ergon
