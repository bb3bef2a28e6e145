// SPDX-License-Identifier: Apache-2.0
#include "accounting/parameter_units.hpp"

#include "parallel/plan/head_partition.hpp"
#include "parallel/plan/stage_partition.hpp"

namespace ergon {
namespace {

constexpr std::int64_t alignment_bytes = 64;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

class Units {
 public:
  Units(const ModelShape& shape, TensorPlace place, int pp)
      : shape_(shape),
        rank_(place.tp_rank),
        twice_(shape.tied && pp > 1),
        heads_(partition_heads(shape.heads, shape.kv_heads, place.tp, place.tp_rank)),
        ffn_(partition_columns(shape.ffn_width, place.tp, place.tp_rank, "mesh.tp").count),
        vocabulary_(partition_vocabulary(shape.vocabulary, place.tp, place.tp_rank)) {}

  bool table_twice() const { return twice_; }

  // Positions are a unit of their own where another stage holds the table too.
  std::vector<ParameterUnit> embedding() {
    std::vector<ParameterUnit> units = {{table(true)}};
    units.back().back().over_table = twice_;
    if (shape_.positions != Positions::learned) return units;
    if (twice_) units.emplace_back();
    units.back().push_back(replicated(shape_.sequence * shape_.width));
    return units;
  }

  // The last stage's copy of a tied table: the first stage counts it.
  ParameterUnit second_table() {
    ParameterUnit unit = {table(false)};
    unit.back().over_table = true;
    return unit;
  }

  ParameterUnit layer() {
    const std::int64_t d = shape_.width, q = shape_.head_width;
    const std::vector<std::int64_t> projections = {heads_.num_query * q, heads_.num_kv * q, heads_.num_kv * q};
    const std::vector<std::int64_t> up(shape_.mlp == Mlp::swiglu ? 2 : 1, ffn_);
    ParameterUnit unit;
    norm(unit);
    column_parallel(unit, projections, true);
    row_parallel(unit, d * heads_.num_query * q);
    norm(unit);
    column_parallel(unit, up, false);
    row_parallel(unit, d * ffn_);
    return unit;
  }

  ParameterUnit head() {
    ParameterUnit unit;
    norm(unit);
    if (!shape_.tied) unit.push_back(table(true));
    return unit;
  }

 private:
  UnitParameter table(bool counted) const { return {vocabulary_.rows * shape_.width, counted ? vocabulary_.real * shape_.width : 0}; }
  // Whole on every tensor rank; the first counts it.
  UnitParameter replicated(std::int64_t elements) const {
    return {.elements = elements, .counted = rank_ == 0 ? elements : 0, .over_rows = true};
  }

  void norm(ParameterUnit& unit) const {
    unit.push_back(replicated(shape_.width));
    if (shape_.norm == Norm::layernorm && shape_.biases) unit.push_back(replicated(shape_.width));
  }

  // Matrices one behind the other, then their biases. attention: the first is of queries, the others of keys and values.
  void column_parallel(ParameterUnit& unit, const std::vector<std::int64_t>& rows, bool attention) const {
    for (const std::int64_t columns : {shape_.width, std::int64_t{1}}) {
      if (columns == 1 && !shape_.biases) return;
      for (std::size_t part = 0; part < rows.size(); ++part) {
        const bool replica = attention && part > 0 && heads_.kv_replicas > 1;
        const std::int64_t elements = rows[part] * columns;
        unit.push_back({.elements = elements,
                        .counted = replica && rank_ % heads_.kv_replicas != 0 ? 0 : elements,
                        .follows = part > 0,
                        .over_kv = replica});
      }
    }
  }

  void row_parallel(ParameterUnit& unit, std::int64_t elements) const {
    unit.push_back({elements, elements});
    if (shape_.biases) unit.push_back(replicated(shape_.width));
  }

  const ModelShape& shape_;
  int rank_;
  bool twice_;
  HeadPartition heads_;
  std::int64_t ffn_;
  VocabularyPartition vocabulary_;
};

}  // namespace

std::vector<ParameterUnit> parameter_units(const ModelShape& shape, TensorPlace place, int pp, int virtual_stages, int stage) {
  Units of(shape, place, pp);
  const std::vector<StageChunk> chunks = partition_layers(shape.layers, pp, virtual_stages, stage);
  std::vector<ParameterUnit> units;
  if (chunks.front().embedding) units = of.embedding();
  if (chunks.back().head && of.table_twice()) units.push_back(of.second_table());
  for (const StageChunk& chunk : chunks)
    for (std::int64_t layer = 0; layer < chunk.num_layers; ++layer) units.push_back(of.layer());
  if (chunks.back().head) units.push_back(of.head());
  return units;
}

std::vector<ElementRange> unit_ranges(const std::vector<ParameterUnit>& units, std::int64_t weight_size, int owners) {
  const std::int64_t alignment = alignment_bytes / weight_size;
  std::vector<ElementRange> ranges;
  std::int64_t begin = 0;
  for (const ParameterUnit& unit : units) {
    std::int64_t size = 0;
    for (const UnitParameter& parameter : unit) size = (parameter.follows ? size : round_up(size, alignment)) + parameter.elements;
    ranges.push_back({begin, begin + round_up(size, alignment * owners)});
    begin = ranges.back().end;
  }
  return ranges;
}

}  // namespace ergon
