// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/data_state.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/mixture.hpp"

namespace ergon {
namespace {

constexpr const char* edited = "the checkpoint was edited or damaged: `ergon checkpoint verify` finds one that is whole";

constexpr int newest_version = 2;
constexpr const char *whole_order = "whole", *mixed_order = "mixed";

[[noreturn]] void refuse_state(const std::string& what, const std::string& hint) { throw Error(what, "data state", hint, ExitCode::data); }

DataState::Source read_source(const nlohmann::json& json, int version) {
  DataState::Source source;
  source.uuid = json.at("uuid").get<std::string>();
  for (std::size_t i = 0; i < 2; ++i) source.weight[i] = json.at("weight").at(i).get<std::int64_t>();
  source.consumed = json.at("consumed").get<std::int64_t>();
  if (version == 1) return source;
  source.tokens = json.at("tokens").get<std::int64_t>();
  source.place = json.at("place").get<std::int64_t>();
  source.credit = json.at("credit").get<std::int64_t>();
  return source;
}

DataState read_state(const nlohmann::json& json, int version, const std::string& where) {
  const auto damaged = [&](const char* what) { return Error(fmt::format("data state with {}", what), where, edited, ExitCode::data); };
  DataState state;
  state.version = version;
  state.seed = json.at("seed").get<std::int64_t>();
  state.epoch = json.at("epoch").get<std::int64_t>();
  state.index = json.at("index").get<std::int64_t>();
  std::vector<std::int64_t> weights, credits;
  for (const auto& source : json.at("sources")) {
    state.sources.push_back(read_source(source, version));
    const DataState::Source& read = state.sources.back();
    if (read.consumed < 0 || read.tokens < 0 || read.place < 0) throw damaged("a negative place");
    weights.push_back(read.weight[0]);
    credits.push_back(read.credit);
  }
  for (const auto& skip : json.at("skip_ranges")) {
    state.skip_ranges.push_back({skip.at(0).get<std::int64_t>(), skip.at(1).get<std::int64_t>()});
    if (state.skip_ranges.back().begin >= state.skip_ranges.back().end) throw damaged("an empty skip range");
  }
  state.packing_hash = json.at("packing").get<std::string>();
  state.fingerprint = json.at("fingerprint").get<std::string>();
  if (state.epoch < 0 || state.index < 0) throw damaged("a negative place");
  if (version == 1) return state;
  state.step = json.at("step").get<std::int64_t>();
  const auto order = json.at("order").get<std::string>();
  if (order != whole_order && order != mixed_order) throw damaged("an unknown order");
  state.mixed = order == mixed_order;
  if (state.step < 0) throw damaged("a negative step");
  if (state.mixed && !Mixture::possible(weights, credits)) throw damaged("weights and credits that do not go together");
  return state;
}

}  // namespace

DataState initial_data_state(const TokenSource& source, std::int64_t seed, bool mixed) {
  DataState state;
  state.seed = seed;
  state.mixed = mixed;
  for (const TokenSource::Part& part : source.parts()) state.sources.push_back({.uuid = part.uuid});
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
    sources.push_back({{"uuid", source.uuid},
                       {"weight", {source.weight[0], source.weight[1]}},
                       {"consumed", source.consumed},
                       {"tokens", source.tokens},
                       {"place", source.place},
                       {"credit", source.credit}});
  for (const auto& skip : state.skip_ranges) skips.push_back({skip.begin, skip.end});
  return nlohmann::json({{"version", state.version},
                         {"seed", state.seed},
                         {"epoch", state.epoch},
                         {"index", state.index},
                         {"step", state.step},
                         {"order", state.mixed ? mixed_order : whole_order},
                         {"sources", sources},
                         {"skip_ranges", skips},
                         {"packing", state.packing_hash},
                         {"fingerprint", state.fingerprint}})
      .dump();
}

DataState data_state_from_json(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    const int version = json.at("version").get<int>();
    if (version < 1 || version > newest_version)
      throw Error(fmt::format("data state of version {}, this Ergon knows versions 1 to {}", version, newest_version), where,
                  "resume with the Ergon that saved it", ExitCode::data);
    return read_state(json, version, where);
  } catch (const nlohmann::json::exception& problem) {
    throw Error(fmt::format("not a data state ({})", problem.what()), where, edited, ExitCode::data);
  }
}

void complete(DataState& state, const TokenSource& source, std::int64_t step) {
  if (state.version == newest_version) return;
  state.version = newest_version;
  state.step = step;
  for (DataState::Source& of : state.sources) of.tokens = of.consumed * source.sequence();
}

void check_data_state(const DataState& state, const TokenSource& source, std::int64_t seed, bool mixed) {
  if (state.seed != seed)
    refuse_state(fmt::format("the run was started with run.seed = {}, now it is {}", state.seed, seed), "set run.seed as it was");
  if (state.fingerprint != source.fingerprint())
    refuse_state("data.train names other tokens than the run was started with (fingerprint " + state.fingerprint.substr(0, 12) + ", now " +
                     source.fingerprint().substr(0, 12) + ")",
                 "name the same stores in the same order, or start a new run folder");
  if (state.packing_hash != source.packing_hash())
    refuse_state("samples are cut otherwise than when the run was started (model.sequence, data.packing, data.packing_table)",
                 "set them as they were");
  if (state.mixed != mixed)
    refuse_state(fmt::format("the run was started {} weights of its sources, now it has {}", state.mixed ? "with" : "without",
                             mixed ? "some" : "none"),
                 "weights may change on resume, but not come or go: set data.weights, or start a new run folder");
  if (state.sources.size() != source.parts().size())
    refuse_state(fmt::format("counts {} sources, data.train names {}", state.sources.size(), source.parts().size()),
                 "name the same stores in the same order, or start a new run folder");
  // Index 0 of an empty split is no wrong place: the loader says that the split is too small, with the key.
  if (state.index > 0 && state.index >= source.samples())
    refuse_state(fmt::format("stands at sample {} of {}", state.index, source.samples()), "");
}

}  // namespace ergon
