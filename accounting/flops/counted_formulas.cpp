// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/counted_formulas.hpp"

#include "accounting/parameters.hpp"

namespace ergon {
namespace {

FormulaOfShape six_times(std::int64_t parameters, Flops per_pair, CountedPairs pairs) {
  FormulaOfShape formula;
  formula.parameters = parameters;
  formula.training = {Flops{6} * parameters, per_pair, pairs};
  return formula;
}

std::int64_t untied_input_table(const ModelShape& shape, const ParameterCounts& counts) { return shape.tied ? 0 : counts.token_table; }

std::int64_t padded_vocabulary(const ModelShape& shape) { return (shape.vocabulary + 127) / 128 * 128; }

}  // namespace

FormulaOfShape six_n(const ModelShape& shape) { return six_times(count_parameters(shape).total, {}, CountedPairs::none); }

FormulaOfShape palm(const ModelShape& shape) {
  const ParameterCounts counts = count_parameters(shape);
  return six_times(counts.total - counts.positions - untied_input_table(shape, counts), core_per_pair(shape), CountedPairs::full);
}

FormulaOfShape nanogpt(const ModelShape& shape) {
  const ParameterCounts counts = count_parameters(shape);
  return six_times(counts.total - counts.positions, core_per_pair(shape), CountedPairs::full);
}

FormulaOfShape torchtitan(const ModelShape& shape) {
  const ParameterCounts counts = count_parameters(shape);
  return six_times(counts.total - untied_input_table(shape, counts), core_per_pair(shape), CountedPairs::full);
}

FormulaOfShape llmc(const ModelShape& shape) {
  ModelShape padded = shape;
  padded.vocabulary = padded_vocabulary(shape);
  FormulaOfShape formula = six_times(count_parameters(padded).total, Flops{12} * shape.layers * shape.width, CountedPairs::half);
  formula.refused = unmet(shape, {Assumption::heads_fill_width, Assumption::causal});
  return formula;
}

FormulaOfShape megatron_today(const ModelShape& shape) {
  FormulaOfShape formula;
  const ParameterCounts counts = count_parameters(shape);
  const Flops layers = Flops{6} * (counts.matmul - counts.token_table);
  formula.training = {layers + Flops{6} * shape.width * padded_vocabulary(shape), core_per_pair(shape), CountedPairs::document_half};
  formula.refused = unmet(shape, {Assumption::causal});
  formula.no_parameters = "Megatron-LM adds up matrix products and names no N";
  return formula;
}

FormulaOfShape exact_formula(const ModelShape& shape) {
  return six_times(count_parameters(shape).matmul, core_per_pair(shape), CountedPairs::visible);
}

}  // namespace ergon
