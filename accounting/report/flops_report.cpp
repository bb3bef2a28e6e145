// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/flops_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "accounting/report/figures.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

// A count as a JSON number while that is exact in every reader, else as its digits.
Json count_json(Flops count) {
  constexpr std::uint64_t exact_in_double = std::uint64_t{1} << 53;
  if (count.value <= exact_in_double) return static_cast<std::uint64_t>(count.value);
  return to_decimal(count);
}

std::string grouped_count(Flops count) {
  return count.value <= INT64_MAX ? grouped(static_cast<std::int64_t>(count.value)) : to_decimal(count);
}

Flops as_count(std::int64_t count) { return {static_cast<unsigned __int128>(count)}; }

}  // namespace

FlopsReport flops_of_shape(const std::string& title, const ModelShape& shape, std::int64_t length, Tokens tokens) {
  const ParameterCounts counts = count_parameters(shape);
  FlopsReport report{title, counts, as_count(counts.total), as_count(tokens.value), {}};
  for (const Convention& row : conventions()) {
    report.conventions.push_back({row.id, row.definition, per_token(row, shape, length), training_flops(row, shape, length, tokens)});
  }
  return report;
}

FlopsReport flops_of_counts(Flops parameters, Flops tokens) {
  const Convention& row = convention("6n");
  return {"a model of which only the number of parameters is known",
          std::nullopt,
          parameters,
          tokens,
          {{row.id, row.definition, to_decimal(six_n_d(parameters, {1})), six_n_d(parameters, tokens)}}};
}

std::string flops_text(const FlopsReport& report) {
  std::string text = fmt::format("{}\n  parameters {:>24}\n", report.title, grouped_count(report.total_parameters));
  if (report.parameters) {
    text +=
        fmt::format("    embedding {:>23}\n    non-embedding {:>19}\n    in matrix products {:>14}\n",
                    grouped(report.parameters->embedding), grouped(report.parameters->non_embedding), grouped(report.parameters->matmul));
  }
  text += fmt::format("  tokens     {:>24}\n\n", grouped_count(report.tokens));
  text += fmt::format("  {:<12} {:>20} {:>28} {:>12}\n", "convention", "FLOPs a token", "FLOPs in all", "pfs-days");
  for (const ConventionFigures& row : report.conventions) {
    text += fmt::format("  {:<12} {:>20} {:>28} {:>12}\n", row.id, row.per_token, to_decimal(row.total),
                        rounded_pfs_days(to_pfs_days(row.total)));
  }
  text += "\nLegend: training, forward and backward; a multiply-add is 2 FLOPs; a pfs-day is 1e15 FLOP/s for a day, 8.64e19 FLOPs\n";
  for (const ConventionFigures& row : report.conventions) text += fmt::format("  {:<12} {}\n", row.id, row.definition);
  if (report.parameters)
    text += "  L layers, H query heads, Q head width, s sequence length; embedding: token table, learned positions, untied head\n";
  return text;
}

std::string flops_json(const FlopsReport& report) {
  Json parameters{{"total", count_json(report.total_parameters)}, {"embedding", nullptr}, {"non_embedding", nullptr}, {"matmul", nullptr}};
  Json reason = Json::object();
  if (report.parameters) {
    parameters["embedding"] = report.parameters->embedding;
    parameters["non_embedding"] = report.parameters->non_embedding;
    parameters["matmul"] = report.parameters->matmul;
  } else {
    for (const char* key : {"embedding", "non_embedding", "matmul"}) {
      reason[fmt::format("parameters.{}", key)] = "only the number of parameters was given: name a config or a preset";
    }
  }
  Json by_id = Json::object();
  for (const ConventionFigures& row : report.conventions) {
    by_id[row.id] = {{"per_token", row.per_token},
                     {"total", to_decimal(row.total)},
                     {"pfs_days", to_pfs_days(row.total).value},
                     {"definition", row.definition}};
  }
  const Json json = {{"schema", "ergon.flops.v1"},          {"model", report.title}, {"parameters", parameters},
                     {"tokens", count_json(report.tokens)}, {"conventions", by_id},  {"reason", reason}};
  return json.dump(2) + "\n";
}

}  // namespace ergon
