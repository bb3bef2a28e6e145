// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/flops_report.hpp"

#include <fmt/format.h>

#include "accounting/flops/recompute_flops.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

Flops as_count(std::int64_t count) { return {static_cast<unsigned __int128>(count)}; }

FlopsFigure figure_of(Flops of_sample, const Packing& packing, Tokens tokens) {
  return {one_token(of_sample, packing.tokens), prorated(of_sample, packing.tokens, {packing.sequence}),
          prorated(of_sample, packing.tokens, tokens)};
}

ConventionFigures figures_of(const Convention& convention, const ModelShape& shape, const Packing& packing, Tokens tokens) {
  const FormulaOfShape formula = apply(convention, shape);
  ConventionFigures figures;
  figures.convention = &convention;
  figures.refused = formula.refused;
  figures.no_parameters = formula.applies() ? formula.no_parameters : formula.refused;
  if (!formula.applies()) return figures;
  figures.figure = figure_of(flops_of(formula.training, packing), packing, tokens);
  if (formula.parameters) figures.parameters = as_count(*formula.parameters);
  for (const PrintedBeside& printed : formula.beside)
    figures.beside.push_back({printed.key, printed.definition, figure_of(flops_of(printed.form, packing), packing, tokens)});
  return figures;
}

AttentionFigures attention_figures(const char* key, const std::string& definition, const ModelShape& shape, CountedPairs pairs,
                                   const Packing& packing, Tokens tokens) {
  const auto of = [&](const FlopForm& form) { return figure_of(flops_of(form, packing), packing, tokens); };
  const HardwareForms plain = hardware_forms(shape, CoreKernel::plain, pairs), flash = hardware_forms(shape, CoreKernel::flash, pairs);
  return {key,
          definition,
          of(plain.none),
          {{"plain.none", "", of(plain.none)},
           {"plain.selective", "", of(plain.selective)},
           {"plain.full", "", of(plain.full)},
           {"flash.none", "", of(flash.none)},
           {"flash.selective", "", of(flash.selective)},
           {"flash.full", "", of(flash.full)}}};
}

std::vector<AttentionFigures> attention_variants(const ModelShape& shape, const Packing& packing, Tokens tokens) {
  const Packing whole = whole_sequence(packing.sequence, AttentionRule{});
  const std::int64_t s = packing.sequence;
  std::vector<AttentionFigures> rows = {
      attention_figures("full", fmt::format("s x s pairs, s = {}", s), shape, CountedPairs::full, whole, tokens),
      attention_figures("causal", "half of s x s", shape, CountedPairs::half, whole, tokens),
      attention_figures("triangle", "s (s + 1) / 2: the pairs that a causal mask leaves", shape, CountedPairs::visible, whole, tokens)};
  if (shape.window > 0) {
    rows.push_back(attention_figures("window", fmt::format("causal, the last {} keys: w s - w (w - 1) / 2 pairs", shape.window), shape,
                                     CountedPairs::visible, whole_sequence(s, attention_rule(shape)), tokens));
  }
  if (packing.documents > 0) {
    rows.push_back(
        attention_figures("documents",
                          fmt::format("{} documents, the longest of {} tokens, each {} on its own{}", packing.documents, packing.longest,
                                      shape.causal ? "causal" : "full", shape.window > 0 ? ", with the window" : ""),
                          shape, CountedPairs::visible, packing, tokens));
  }
  return rows;
}

SplitFigures split_figures(const ModelShape& shape, const Packing& packing, Tokens tokens, SplitBy by) {
  constexpr const char* names[] = {"layer", "operation", "phase"};
  SplitFigures split{names[static_cast<int>(by)], {}};
  for (const SplitRow& row : split_flops(shape, packing, by)) split.rows.push_back({row.name, "", figure_of(row.flops, packing, tokens)});
  return split;
}

}  // namespace

FlopsReport flops_of_shape(const std::string& title, const ModelShape& shape, const Packing& packing, Tokens tokens,
                           std::optional<SplitBy> by) {
  ERGON_CHECK(packing.sequence > 0 && packing.tokens > 0, "a sequence of {}", packing.sequence);
  const ParameterCounts counts = count_parameters(shape);
  FlopsReport report{title, counts, as_count(counts.total), as_count(tokens.value), packing, {}, {}, std::nullopt, {}};
  if (shape.positions == Positions::learned && packing.sequence > shape.sequence) {
    report.notes.push_back(
        fmt::format("a sequence of {} is longer than the {} learned positions, which are what N counts: model.sequence={} adds the rest",
                    packing.sequence, shape.sequence, packing.sequence));
  }
  for (const Convention& row : conventions()) report.conventions.push_back(figures_of(row, shape, packing, tokens));
  report.attention = attention_variants(shape, packing, tokens);
  if (by) report.split = split_figures(shape, packing, tokens, *by);
  return report;
}

FlopsReport flops_of_counts(Flops parameters, Flops tokens) {
  const FlopsFigure figure{to_decimal(six_n_d(parameters, {1})), {}, six_n_d(parameters, tokens)};
  ConventionFigures six{&convention("6n"), "", figure, parameters, "", {}};
  return {"a model of which only the number of parameters is known", std::nullopt, parameters, tokens, {}, {six}, {}, std::nullopt, {}};
}

}  // namespace ergon
