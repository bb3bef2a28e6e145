// SPDX-License-Identifier: Apache-2.0
#include "parallel/verdict.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "parallel/plan/shard_box.hpp"

namespace ergon {
namespace {

using Json = nlohmann::json;
using Why = MissingRank::Why;

std::string sentence(const AwaitedOperation& o) {
  const std::string other = o.peer < 0 ? "" : fmt::format(", rank {} on the other side", o.members[static_cast<std::size_t>(o.peer)]);
  return fmt::format("{} {} on {} (ranks {}{}): {}, step {} ({})", o.operation, o.sequence, o.group, fmt::join(o.members, ", "), other,
                     o.tensor(), o.step, o.phase);
}

// How many operations of the kind that `o` needs a rank has started.
std::uint64_t started_by(const RankStatus& status, const AwaitedOperation& o) {
  const auto group = status.groups.find(o.group_key);
  if (group == status.groups.end()) return 0;
  if (o.peer < 0) return group->second.collectives;
  const auto place = static_cast<std::size_t>(std::find(o.members.begin(), o.members.end(), o.rank) - o.members.begin());
  return o.operation == name(Collective::send) ? group->second.asked.at(place) : group->second.sent.at(place);
}

// When a run comes to an operation: in which step, and where in it.
std::pair<std::int64_t, std::size_t> due(const AwaitedOperation& o) { return {o.step, phase_order(o.phase)}; }

bool same_operation(const AwaitedOperation& a, const AwaitedOperation& b) {
  return a.group_key == b.group_key && a.sequence == b.sequence && a.peer == b.peer && a.rank == b.rank;
}

MissingRank missing_process(int rank, ProcessState state) {
  if (state == ProcessState::gone) return {rank, Why::gone, "its process is gone: killed, crashed, or out of memory"};
  return {rank, Why::stopped, "its process is stopped"};
}

const char* name(Why why) {
  constexpr const char* names[] = {"gone", "stopped", "silent", "behind"};
  return names[static_cast<std::size_t>(why)];
}

Json json_of(const AwaitedOperation& o) {
  return {{"rank", o.rank},           {"group", o.group}, {"group_key", o.group_key}, {"members", o.members},
          {"operation", o.operation}, {"dtype", o.dtype}, {"elements", o.elements},   {"sequence", o.sequence},
          {"peer", o.peer},           {"step", o.step},   {"phase", o.phase},         {"shape", o.shape}};
}

AwaitedOperation operation_from(const Json& j) {
  return {j.at("rank"),     j.at("group"),    j.at("group_key"), j.at("members"), j.at("operation"), j.at("dtype"),
          j.at("elements"), j.at("sequence"), j.at("peer"),      j.at("step"),    j.at("phase"),     j.at("shape")};
}

}  // namespace

std::size_t phase_order(const std::string& phase) {
  constexpr const char* order[] = {"start", "step", "forward", "backward", "update", "evaluation", "checkpoint", "finish"};
  return static_cast<std::size_t>(std::find(std::begin(order), std::end(order), phase) - order);
}

std::string AwaitedOperation::tensor() const {
  if (shape.empty()) return fmt::format("{} x {}", elements, dtype);
  return fmt::format("{} {}", extents_text(shape), dtype);
}

std::vector<int> AwaitedOperation::awaited() const {
  if (peer >= 0) return {members[static_cast<std::size_t>(peer)]};
  std::vector<int> others = members;
  std::erase(others, rank);
  return others;
}

AwaitedOperation describe(const FlightRecord& record, const FlightEntry& entry) {
  const FlightGroup group = record.group(entry.group);
  return {record.rank(),  group.name,     group.key(), group.members, name(entry.operation),         dtype_name(entry.dtype),
          entry.elements, entry.sequence, entry.peer,  entry.step,    name(entry.phase, entry.part), entry.shape.list()};
}

RankStatus status_of(const FlightRecord& record) {
  const FlightRecord::Position position = record.position();
  RankStatus status{record.rank(), position.step, name(position.phase, position.part), {}, {}};
  for (FlightGroup& group : record.groups()) status.groups[group.key()] = group;
  if (position.waits) status.waits = describe(record, *position.waits);
  return status;
}

Judgement judge(const AwaitedOperation& operation, const std::map<int, RankStatus>& answers, const std::map<int, ProcessState>& processes) {
  Judgement judgement;
  for (int rank : operation.awaited()) {
    const auto process = processes.find(rank);
    const ProcessState state = process == processes.end() ? ProcessState::unknown : process->second;
    if (state == ProcessState::gone || state == ProcessState::stopped) {
      judgement.missing.push_back(missing_process(rank, state));
      continue;
    }
    const auto answer = answers.find(rank);
    if (answer == answers.end()) {
      judgement.missing.push_back({rank, Why::silent, "does not answer: dead, stopped, or cut off from the network"});
      continue;
    }
    const RankStatus& status = answer->second;
    const std::uint64_t started = started_by(status, operation);
    if (started > operation.sequence) continue;
    if (status.waits) {
      if (!judgement.next) judgement.next = status.waits;
      continue;
    }
    judgement.missing.push_back(
        {rank, Why::behind,
         fmt::format("is alive in step {} ({}) and has started {} of the group's operations", status.step, status.phase, started)});
  }
  if (!judgement.missing.empty()) judgement.next.reset();
  if (judgement.next && same_operation(*judgement.next, operation)) judgement.next.reset();
  return judgement;
}

std::set<int> Verdict::absent() const {
  std::set<int> ranks;
  for (const MissingRank& rank : missing)
    if (!rank.answers()) ranks.insert(rank.rank);
  return ranks;
}

Verdict at_first_absence(Verdict verdict, const std::map<int, RankStatus>& answers) {
  const auto is_missing = [&](int rank) {
    return std::any_of(verdict.missing.begin(), verdict.missing.end(), [&](const MissingRank& missing) { return missing.rank == rank; });
  };
  for (const auto& [rank, status] : answers) {
    if (is_missing(rank) || !status.waits) continue;
    const std::vector<int> awaited = status.waits->awaited();
    if (std::none_of(awaited.begin(), awaited.end(), is_missing)) continue;
    if (!verdict.operation || due(*status.waits) < due(*verdict.operation)) verdict.operation = status.waits;
  }
  return verdict;
}

Error to_error(const Verdict& verdict, const std::string& folder) {
  std::vector<int> ranks;
  std::string reasons;
  for (const MissingRank& missing : verdict.missing) {
    ranks.push_back(missing.rank);
    reasons += fmt::format("rank {} {}; ", missing.rank, missing.text);
  }
  const std::string who =
      fmt::format("{} {} {} missing", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "), ranks.size() == 1 ? "is" : "are");
  std::string what;
  if (!verdict.operation)
    what = who + ", and training cannot go on without";
  else if (ranks.empty() && verdict.circle)
    what = fmt::format("ranks wait for each other, nobody is missing: {}, waited for {:.1f} s, needs ranks that wait in other operations",
                       sentence(*verdict.operation), verdict.waited.value);
  else if (ranks.empty())
    what = fmt::format("every rank has started {}, and it does not end, waited for {:.1f} s", sentence(*verdict.operation),
                       verdict.waited.value);
  else
    what = fmt::format("{} from {}, waited for {:.1f} s", who, sentence(*verdict.operation), verdict.waited.value);
  const std::string records = folder.empty() ? "" : fmt::format("; flight records of the living ranks: {}", folder);
  const std::string where = verdict.operation ? fmt::format("rank {}", verdict.operation->rank) : fmt::format("rank {}", verdict.finder);
  return Error(what, where, fmt::format("{}the same line resumes from the newest checkpoint{}", reasons, records), ExitCode::stuck);
}

Error told_error(const Error& verdict, int finder, const FlightRecord& record) {
  const RankStatus here = status_of(record);
  const std::string position = here.waits
                                   ? fmt::format("waits in {} {} on {}", here.waits->operation, here.waits->sequence, here.waits->group)
                                   : fmt::format("waits for nobody in step {} ({})", here.step, here.phase);
  return Error(fmt::format("{} (found by rank {}; this rank {})", verdict.problem(), finder, position),
               fmt::format("rank {}", record.rank()), "", verdict.code());
}

Error overslept_error(int rank, Seconds stop, const std::vector<int>& gone) {
  return Error(fmt::format("this process was stopped for {:.1f} s, and rank{} {} ended meanwhile", stop.value, gone.size() == 1 ? "" : "s",
                           fmt::join(gone, ", ")),
               fmt::format("rank {}", rank), "the others tell why; the same line resumes from the newest checkpoint", ExitCode::stuck);
}

std::string to_text(const AwaitedOperation& operation) { return json_of(operation).dump(); }

std::string to_text(const RankStatus& status) {
  Json groups = Json::object();
  for (const auto& [key, group] : status.groups) groups[key] = Json::array({group.collectives, group.sent, group.asked});
  return Json{{"rank", status.rank},
              {"step", status.step},
              {"phase", status.phase},
              {"groups", groups},
              {"waits", status.waits ? json_of(*status.waits) : Json()}}
      .dump();
}

RankStatus status_from_text(const std::string& text) {
  const Json json = Json::parse(text);
  RankStatus status{json.at("rank"), json.at("step"), json.at("phase"), {}, {}};
  for (const auto& [key, counts] : json.at("groups").items()) {
    FlightGroup& group = status.groups[key];
    group.collectives = counts.at(0);
    group.sent = counts.at(1).get<std::vector<std::uint64_t>>();
    group.asked = counts.at(2).get<std::vector<std::uint64_t>>();
  }
  if (!json.at("waits").is_null()) status.waits = operation_from(json.at("waits"));
  return status;
}

std::string to_text(const Verdict& verdict, const Error& error) {
  Json missing = Json::array();
  for (const MissingRank& rank : verdict.missing) missing.push_back({{"rank", rank.rank}, {"why", name(rank.why)}, {"text", rank.text}});
  return Json{{"schema", "ergon.verdict.v1"},
              {"finder", verdict.finder},
              {"message", error.what()},
              {"missing", missing},
              {"operation", verdict.operation ? json_of(*verdict.operation) : Json()},
              {"waited_seconds", verdict.waited.value}}
      .dump(2);
}

}  // namespace ergon
