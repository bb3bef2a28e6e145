// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/declaration.hpp"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <string>

#include "configs/error.hpp"
#include "parallel/plan/head_partition.hpp"
#include "parallel/plan/stage_units.hpp"

namespace ergon {
namespace {

constexpr const char* token_table = "embedding.tokens.weight";

// Appends parameters to a declaration, one kind of sharding a function.
class Declarer {
 public:
  Declarer(const ModelShape& shape, const Placement& placement)
      : shape_(shape),
        tp_(placement.tp),
        tp_rank_(placement.tp_rank),
        row_parts_(placement.sequence_parallel),
        table_twice_(shape.tied && placement.pp > 1) {
    result_.chunks = partition_layers(shape.layers, placement.pp, placement.virtual_stages, placement.stage);
    result_.units = stage_units(shape, placement.pp, placement.virtual_stages, placement.stage);
  }

  ModelDeclaration declare();

 private:
  void embedding();
  void tied_table();
  void block(int layer);
  void head();

  // Rows [first, first + count) of `rows`: what a column-parallel linear holds of its weight and of its bias.
  struct Rows {
    const char* name;
    std::int64_t rows, first, count;
    std::int64_t replicas = 1;
  };

  ParameterId add(ParameterSpec spec);
  ParameterId replicated(const std::string& name, const char* kind, Extents shape, Init init);
  ParameterId vocabulary(const std::string& name, const char* kind);
  NormIds norm(const std::string& name);
  LinearIds column_parallel(const std::string& prefix, std::initializer_list<Rows> parts);
  LinearIds row_parallel(const std::string& name, std::int64_t columns, std::int64_t first, std::int64_t count);
  ParameterId rows_of(const std::string& name, const char* kind, const Rows& part, bool matrix);
  void pack(ParameterId first, ParameterId last);

  const ModelShape& shape_;
  int tp_, tp_rank_;
  bool row_parts_;    // sequence parallelism
  bool table_twice_;  // the tied table is held by the first stage and by the last
  int unit_ = -1;
  ModelDeclaration result_;
};

ParameterId Declarer::add(ParameterSpec spec) {
  spec.unit = unit_;
  if (spec.init == Init::normal && spec.init_std == 0.0) spec.init_std = shape_.init_std;
  result_.specs.push_back(std::move(spec));
  return static_cast<ParameterId>(result_.specs.size()) - 1;
}

ParameterId Declarer::replicated(const std::string& name, const char* kind, Extents shape, Init init) {
  return add({.name = name,
              .kind = kind,
              .global_shape = shape,
              .box = whole(shape),
              .local_shape = shape,
              .partial_over = row_parts_ ? PartialOver::tp : PartialOver::nothing,
              .counts_here = tp_rank_ == 0,
              .init = init});
}

ParameterId Declarer::vocabulary(const std::string& name, const char* kind) {
  const VocabularyPartition part = partition_vocabulary(shape_.vocabulary, tp_, tp_rank_);
  return add({.name = name,
              .kind = kind,
              .global_shape = {shape_.vocabulary, shape_.width},
              .box = {{part.first < shape_.vocabulary ? part.first : shape_.vocabulary, 0}, {part.real, shape_.width}},
              .local_shape = {part.rows, shape_.width}});
}

NormIds Declarer::norm(const std::string& name) {
  NormIds ids;
  ids.weight = replicated(name + ".weight", "norm", {shape_.width}, Init::ones);
  if (shape_.norm == Norm::layernorm && shape_.biases) ids.bias = replicated(name + ".bias", "norm", {shape_.width}, Init::zeros);
  return ids;
}

ParameterId Declarer::rows_of(const std::string& name, const char* kind, const Rows& part, bool matrix) {
  ParameterSpec spec{
      .name = name, .kind = kind, .global_shape = {part.rows}, .box = {{part.first}, {part.count}}, .local_shape = {part.count}};
  if (matrix) {
    spec.global_shape.push_back(shape_.width);
    spec.box.offset.push_back(0);
    spec.box.extent.push_back(shape_.width);
    spec.local_shape.push_back(shape_.width);
  } else {
    spec.init = Init::zeros;
  }
  if (part.replicas > 1) {
    spec.partial_over = PartialOver::kv_replicas;
    spec.counts_here = tp_rank_ % part.replicas == 0;
  }
  return add(std::move(spec));
}

LinearIds Declarer::column_parallel(const std::string& prefix, std::initializer_list<Rows> parts) {
  LinearIds ids;
  for (const Rows& part : parts) {
    ids.weight_last = rows_of(prefix + part.name + ".weight", "matrix", part, true);
    if (ids.weight_first == no_parameter) ids.weight_first = ids.weight_last;
  }
  pack(ids.weight_first, ids.weight_last);
  if (!shape_.biases) return ids;
  for (const Rows& part : parts) {
    ids.bias_last = rows_of(prefix + part.name + ".bias", "bias", part, false);
    if (ids.bias_first == no_parameter) ids.bias_first = ids.bias_last;
  }
  pack(ids.bias_first, ids.bias_last);
  return ids;
}

LinearIds Declarer::row_parallel(const std::string& name, std::int64_t columns, std::int64_t first, std::int64_t count) {
  LinearIds ids;
  ids.weight_first = ids.weight_last = add({.name = name + ".weight",
                                            .kind = "matrix",
                                            .global_shape = {shape_.width, columns},
                                            .box = {{0, first}, {shape_.width, count}},
                                            .local_shape = {shape_.width, count},
                                            .init_std = shape_.init_std / std::sqrt(2.0 * static_cast<double>(shape_.layers))});
  if (shape_.biases) ids.bias_first = ids.bias_last = replicated(name + ".bias", "bias", {shape_.width}, Init::zeros);
  return ids;
}

void Declarer::pack(ParameterId first, ParameterId last) {
  if (first == last) return;
  std::vector<ParameterId> ids;
  for (ParameterId id = first; id <= last; ++id) ids.push_back(id);
  result_.packs.push_back(std::move(ids));
}

void Declarer::embedding() {
  result_.table_unit = ++unit_;
  result_.embedding.tokens = vocabulary(token_table, "embedding");
  if (table_twice_) result_.specs.back().partial_over = PartialOver::embedding;
  if (shape_.positions == Positions::learned) {
    result_.positions_unit = table_twice_ ? ++unit_ : unit_;
    result_.embedding.positions = replicated("embedding.positions.weight", "embedding", {shape_.sequence, shape_.width}, Init::normal);
  }
}

void Declarer::tied_table() {
  result_.table_unit = ++unit_;
  result_.head.table = vocabulary(token_table, "embedding");
  result_.specs.back().partial_over = PartialOver::embedding;
  result_.specs.back().counts_here = false;
}

void Declarer::block(int layer) {
  ++unit_;
  if (result_.first_block_unit == ModelDeclaration::no_unit) result_.first_block_unit = unit_;
  const std::string prefix = fmt::format("layers.{}.", layer);
  const HeadPartition heads = partition_heads(shape_.heads, shape_.kv_heads, tp_, tp_rank_);
  const ColumnPartition ffn = partition_columns(shape_.ffn_width, tp_, tp_rank_, "model.ffn_width");
  const std::int64_t q = shape_.head_width;
  const Rows query{"query", shape_.heads * q, heads.first_query * q, heads.num_query * q};
  const Rows key{"key", shape_.kv_heads * q, heads.first_kv * q, heads.num_kv * q, heads.kv_replicas};
  const Rows value{"value", shape_.kv_heads * q, heads.first_kv * q, heads.num_kv * q, heads.kv_replicas};
  const Rows gate{"gate", shape_.ffn_width, ffn.first, ffn.count};
  const Rows up{"up", shape_.ffn_width, ffn.first, ffn.count};

  BlockIds ids;
  ids.attention_norm = norm(prefix + "attention_norm");
  ids.attention.qkv = column_parallel(prefix + "attention.", {query, key, value});
  ids.attention.output = row_parallel(prefix + "attention.output", query.rows, query.first, query.count);
  ids.mlp_norm = norm(prefix + "mlp_norm");
  ids.mlp.up = shape_.mlp == Mlp::swiglu ? column_parallel(prefix + "mlp.", {gate, up}) : column_parallel(prefix + "mlp.", {up});
  ids.mlp.down = row_parallel(prefix + "mlp.down", shape_.ffn_width, ffn.first, ffn.count);
  result_.blocks.push_back(ids);
}

void Declarer::head() {
  result_.head_unit = ++unit_;
  result_.head.norm = norm("head.norm");
  if (!shape_.tied) result_.head.table = vocabulary("head.weight", "matrix");
  if (shape_.tied && !table_twice_) result_.head.table = result_.embedding.tokens;
}

ModelDeclaration Declarer::declare() {
  const bool has_head = result_.chunks.back().head;
  if (result_.chunks.front().embedding) embedding();
  if (has_head && table_twice_) tied_table();
  for (const StageChunk& chunk : result_.chunks)
    for (std::int64_t i = 0; i < chunk.num_layers; ++i) block(static_cast<int>(chunk.first_layer + i));
  if (has_head) head();
  ERGON_CHECK(result_.units.units() == unit_ + 1 && result_.units.tables == result_.first_block_unit, "{} units, {} are planned", unit_ + 1,
              result_.units.units());
  return std::move(result_);
}

}  // namespace

ModelDeclaration declare_parameters(const ModelShape& shape, const Placement& placement) { return Declarer(shape, placement).declare(); }

}  // namespace ergon
