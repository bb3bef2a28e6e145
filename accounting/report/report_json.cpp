// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "accounting/ledger_json.hpp"
#include "accounting/report/allocation_page.hpp"
#include "accounting/report/communication.hpp"
#include "accounting/report/stragglers.hpp"
#include "accounting/report/total.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json flops_json(const FiguresById& figures) {
  Json json = Json::object();
  for (const auto& [id, f] : figures)
    json[id] = {{"spent", to_decimal(f.spent)}, {"kept", to_decimal(f.kept)}, {"lost", to_decimal(f.lost)}};
  return json;
}

Json pfs_days_json(const FiguresById& figures) {
  Json json = Json::object();
  for (const auto& [id, f] : figures) json[id] = to_pfs_days(f.spent).value;
  return json;
}

Json fractions_json(const std::map<std::string, std::optional<double>>& fractions) {
  Json json = Json::object();
  for (const auto& [id, value] : fractions) json[id] = or_null(value);
  return json;
}

Json seconds_json(const TimeSplit& seconds) {
  Json json = json_of(seconds);
  json["total"] = seconds.total().value;
  return json;
}

Json parameters_json(const ParameterCounts& counts) {
  return {{"total", counts.total}, {"embedding", counts.embedding}, {"non_embedding", counts.non_embedding}, {"matmul", counts.matmul}};
}

Json attempts_json(const LedgerSummary& ledger) {
  Json attempts = Json::array();
  for (const AttemptSummary& attempt : ledger.attempts) {
    attempts.push_back({{"attempt", attempt.start.attempt},
                        {"parent", attempt.start.parent},
                        {"resumed_step", attempt.start.resumed_step},
                        {"last_step", attempt.last_step},
                        {"steps", attempt.spent.steps},
                        {"mesh", attempt.start.mesh},
                        {"world_size", attempt.start.world_size},
                        {"device", attempt.start.device},
                        {"devices", attempt.start.devices},
                        {"changes", json_of(attempt.start.changes)}});
  }
  return attempts;
}

Json loss_json(const std::optional<LossPoint>& point) { return point ? Json{{"step", point->step}, {"loss", point->loss}} : Json(nullptr); }

// Of each group and operation what was counted, and what was predicted; why not stands in `reason`.
Json communication_json(const LedgerSummary& ledger, Json& reason) {
  Json rows = Json::array();
  for (const ComparedCommunication& row : compare_communication(ledger)) {
    Json json = json_of(std::vector{row.counted}).front();
    json["axes"] = row.axes;
    json["predicted_calls"] = row.predicted ? Json(row.predicted->calls) : Json(nullptr);
    json["predicted_bytes"] = row.predicted ? Json(fmt::format("{}", row.predicted->bytes.value)) : Json(nullptr);
    json["equals_prediction"] = row.predicted ? Json(!row.differs()) : Json(nullptr);
    if (!row.predicted) reason[fmt::format("communication[{}]", rows.size())] = row.reason;
    rows.push_back(json);
  }
  return rows;
}

// What the run is, and what it came to in whole numbers.
Json data_json(const RunReport& run) {
  if (run.sources.empty()) return nullptr;
  Json sources = Json::array();
  for (const SourceUse& of : run.sources)
    sources.push_back({{"name", of.name}, {"tokens", of.tokens}, {"unique_tokens", of.unique_tokens}, {"epochs", of.epochs}});
  return {{"padding", run.padding}, {"sources", sources}};
}

Json identity_json(const RunReport& run) {
  const LedgerSummary& ledger = run.ledger;
  const AttemptStart& last = ledger.attempts.back().start;
  return {{"run", run.run},
          {"attempts", ledger.attempts.size()},
          {"steps", ledger.kept.steps},
          {"lost_steps", ledger.lost.steps},
          {"unbooked_steps", run.unbooked_steps},
          {"uncounted_steps", ledger.uncounted_steps},
          {"tokens", ledger.kept.tokens.value},
          {"valid_tokens", ledger.kept.valid_tokens.value},
          {"lost_tokens", ledger.lost.tokens.value},
          {"parameters", parameters_json(last.parameters)},
          {"mesh", last.mesh},
          {"world_size", last.world_size},
          {"device", last.device},
          {"devices", last.devices},
          {"torn_lines", ledger.torn_lines}};
}

Json run_json(const RunReport& run) {
  const LedgerSummary& ledger = run.ledger;
  const FlopTally& training = ledger.spent.training;
  const AttemptStart& last = ledger.attempts.back().start;
  const FiguresById figures = training_figures(ledger);
  Json reason = run.reason;
  Json useful = Json::object();
  for (const auto& [id, figure] : figures) useful[id] = or_null(goodput(ledger, id));
  if (last.peak.value == 0) reason["peak"] = last.peak_source.empty() ? "name the device in accounting.peak" : last.peak_source;
  Json json = identity_json(run);
  json["flops"] = flops_json(figures);
  json["evaluation_flops"] = flops_json(evaluation_figures(ledger));
  json["hardware_flops"] = {{"gemm", to_decimal(training.gemm)},
                            {"attention", to_decimal(training.attention)},
                            {"total", to_decimal(training.hardware())},
                            {"evaluation", to_decimal(ledger.spent.evaluation.hardware())}};
  json["pfs_days"] = pfs_days_json(figures);
  json["goodput"] = useful;
  json["seconds"] = seconds_json(ledger.spent.seconds);
  json["allocation"] = allocation_json(run.allocation);
  std::string why;
  json["ranks"] = stragglers_json(ledger, why);
  if (!why.empty()) reason["ranks"] = why;
  json["saves"] = saves_json(run.saves);
  json["data"] = data_json(run);
  json["tokens_per_second"] = or_null(run.tokens_per_second);
  json["mfu"] = fractions_json(run.mfu);
  json["hfu"] = fractions_json(run.hfu);
  json["peak"] = last.peak.value == 0 ? Json(nullptr) : Json{{"flops_per_second", last.peak.value}, {"source", last.peak_source}};
  json["loss"] = {{"training", loss_json(run.training_loss)}, {"validation", loss_json(run.validation_loss)}};
  json["outcome"] = run.outcome.empty() ? Json(nullptr) : Json(run.outcome);
  json["communication"] = communication_json(ledger, reason);
  json["attempt_list"] = attempts_json(ledger);
  for (const auto& [id, figure] : figures) {
    if (useful[id].is_null()) reason["goodput." + id] = "no training step was booked";
  }
  json["reason"] = reason;
  return json;
}

}  // namespace

std::string report_json(const std::vector<RunReport>& runs) {
  Json all = Json::array();
  for (const RunReport& run : runs) all.push_back(run_json(run));
  const FiguresById total = total_figures(runs);
  const Json json = {{"schema", "ergon.report.v1"},
                     {"runs", all},
                     {"total", {{"tokens", total_tokens(runs).value}, {"flops", flops_json(total)}, {"pfs_days", pfs_days_json(total)}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ergon
