// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/data_state.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr const char* edited = "the checkpoint was edited or damaged: `ergon checkpoint verify` finds one that is whole";

constexpr int known_version = 1;

[[noreturn]] void refuse(const std::string& what, const std::string& hint) { throw Error(what, "data state", hint, ExitCode::data); }

}  // namespace

DataState initial_data_state(const TokenSource& source, std::int64_t seed) {
  DataState state;
  state.seed = seed;
  for (const auto& store : source.stores()) state.sources.push_back({store->info().uuid, {1, 1}, 0});
  state.packing_hash = source.packing_hash();
  state.fingerprint = source.fingerprint();
  return state;
}

std::int64_t skip_forward(const std::vector<DataState::Skip>& skips, std::int64_t ordinal) {
  bool moved = true;
  while (moved) {
    moved = false;
    for (const DataState::Skip& skip : skips) {
      if (ordinal < skip.begin || ordinal >= skip.end) continue;
      ordinal = skip.end;
      moved = true;
    }
  }
  return ordinal;
}

std::int64_t ordinal_of(const DataState& state, std::int64_t samples) { return state.epoch * samples + state.index; }

void add_skip(DataState& state, DataState::Skip skip) {
  std::erase_if(state.skip_ranges, [&](const DataState::Skip& other) {
    if (other.end < skip.begin || other.begin > skip.end) return false;
    skip = {std::min(skip.begin, other.begin), std::max(skip.end, other.end)};
    return true;
  });
  state.skip_ranges.push_back(skip);
  std::sort(state.skip_ranges.begin(), state.skip_ranges.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
}

std::string to_json(const DataState& state) {
  nlohmann::json sources = nlohmann::json::array(), skips = nlohmann::json::array();
  for (const auto& source : state.sources)
    sources.push_back({{"uuid", source.uuid}, {"weight", {source.weight[0], source.weight[1]}}, {"consumed", source.consumed}});
  for (const auto& skip : state.skip_ranges) skips.push_back({skip.begin, skip.end});
  return nlohmann::json({{"version", state.version},
                         {"seed", state.seed},
                         {"epoch", state.epoch},
                         {"index", state.index},
                         {"sources", sources},
                         {"skip_ranges", skips},
                         {"packing", state.packing_hash},
                         {"fingerprint", state.fingerprint}})
      .dump();
}

DataState data_state_from_json(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    DataState state;
    state.version = json.at("version").get<int>();
    if (state.version != known_version)
      throw Error(fmt::format("data state of version {}, this Ergon knows version {}", state.version, known_version), where,
                  "resume with the Ergon that saved it", ExitCode::data);
    state.seed = json.at("seed").get<std::int64_t>();
    state.epoch = json.at("epoch").get<std::int64_t>();
    state.index = json.at("index").get<std::int64_t>();
    for (const auto& source : json.at("sources")) {
      const auto& weight = source.at("weight");
      state.sources.push_back({source.at("uuid").get<std::string>(),
                               {weight.at(0).get<std::int64_t>(), weight.at(1).get<std::int64_t>()},
                               source.at("consumed").get<std::int64_t>()});
    }
    for (const auto& skip : json.at("skip_ranges")) {
      state.skip_ranges.push_back({skip.at(0).get<std::int64_t>(), skip.at(1).get<std::int64_t>()});
      if (state.skip_ranges.back().begin >= state.skip_ranges.back().end)
        throw Error("data state with an empty skip range", where, edited, ExitCode::data);
    }
    state.packing_hash = json.at("packing").get<std::string>();
    state.fingerprint = json.at("fingerprint").get<std::string>();
    if (state.epoch < 0 || state.index < 0) throw Error("data state with a negative place", where, edited, ExitCode::data);
    return state;
  } catch (const nlohmann::json::exception& problem) {
    throw Error(fmt::format("not a data state ({})", problem.what()), where, edited, ExitCode::data);
  }
}

void check_data_state(const DataState& state, const TokenSource& source, std::int64_t seed) {
  if (state.seed != seed)
    refuse(fmt::format("the run was started with run.seed = {}, now it is {}", state.seed, seed), "set run.seed as it was");
  if (state.fingerprint != source.fingerprint())
    refuse("data.train names other tokens than the run was started with (fingerprint " + state.fingerprint.substr(0, 12) + ", now " +
               source.fingerprint().substr(0, 12) + ")",
           "name the same stores in the same order, or start a new run folder");
  if (state.packing_hash != source.packing_hash())
    refuse("samples are cut otherwise than when the run was started (model.sequence)", "set model.sequence as it was");
  // Index 0 of an empty split is no wrong place: the loader says that the split is too small, with the key.
  if (state.index > 0 && state.index >= source.samples())
    refuse(fmt::format("stands at sample {} of {}", state.index, source.samples()), "");
}

}  // namespace ergon
