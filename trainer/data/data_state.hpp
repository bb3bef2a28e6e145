// SPDX-License-Identifier: Apache-2.0
// Where a run stands in its data: a small record in every checkpoint, never an iterator.
//
// The samples of a run are numbered by ordinals 0, 1, 2, ...: the record holds the next one as epoch * N + index, N the samples of all
// sources together. Which sample an ordinal is says trainer/data/sample_order. A skip range takes ordinals out of the sequence and
// renumbers nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/data_section.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {

struct DataState {
  // One entry of data.train.
  struct Source {
    std::string uuid;
    std::int64_t weight[2] = {1, 1};  // an integer ratio: of all samples, where the sources are mixed
    std::int64_t consumed = 0;        // samples trained on
    std::int64_t tokens = 0;          // of these, padding left out
    std::int64_t place = 0;           // of the next sample in the source's own order, skipped ones counted; 0 where nothing is mixed
    std::int64_t credit = 0;          // of its Mixture
    bool operator==(const Source&) const = default;
  };
  // Ordinals [begin, end).
  struct Skip {
    std::int64_t begin, end;
    bool operator==(const Skip&) const = default;
  };

  int version = 2;
  std::int64_t seed = 1;
  std::int64_t epoch = 0, index = 0;  // of the next sample
  std::int64_t step = 0;              // steps handed out
  bool mixed = false;                 // by weights; otherwise every sample of every source once an epoch
  std::vector<Source> sources;
  std::vector<Skip> skip_ranges;
  std::string packing_hash;
  std::string fingerprint;  // of the data set

  bool operator==(const DataState&) const = default;
};

// The state of a run that has read nothing; `mixed` when it has weights.
DataState initial_data_state(const TokenSource& source, std::int64_t seed, bool mixed = false);

// The first ordinal >= `ordinal` that no skip range holds.
std::int64_t skip_forward(const std::vector<DataState::Skip>& skips, std::int64_t ordinal);

// Of the next sample, before skips; `samples`: of an epoch.
std::int64_t ordinal_of(const DataState& state, std::int64_t samples);

// Takes [begin, end) out of the sequence too; ranges that meet become one. What was read before stays read.
void add_skip(DataState& state, DataState::Skip skip);

std::string to_json(const DataState& state);
// Reads versions 1 and 2; what version 1 does not say complete() fills in. Throws Error (ExitCode::data, at `where`) for text that is not a
// data state of a known version.
DataState data_state_from_json(const std::string& text, const std::string& where);

// Makes a record of version 1, saved after `step` steps over this data, one of the newest version.
void complete(DataState& state, const TokenSource& source, std::int64_t step);

// Throws Error (ExitCode::data) when a state saved earlier does not belong to this data: other stores, another packing, another seed, mixed
// then and not now.
void check_data_state(const DataState& state, const TokenSource& source, std::int64_t seed, bool mixed = false);

}  // namespace ergon
