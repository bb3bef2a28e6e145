// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/declaration.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "accounting/parameters.hpp"
#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "configs/presets.hpp"
#include "tests/trainer/oracle/fixture.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

std::map<std::string, ParameterSpec> by_name(const ModelDeclaration& declared) {
  std::map<std::string, ParameterSpec> result;
  for (const ParameterSpec& spec : declared.specs) result[spec.name] = spec;
  return result;
}

// Every combination of what decides which parameters exist, and the presets.
std::vector<ModelShape> all_shapes() {
  std::vector<ModelShape> shapes = oracle::variants();
  for (const std::string& preset : preset_names()) shapes.push_back(load_model(preset));
  for (const Norm norm : {Norm::layernorm, Norm::rmsnorm})
    for (const Positions positions : {Positions::learned, Positions::rotary, Positions::none})
      for (const Mlp mlp : {Mlp::gelu, Mlp::swiglu})
        for (const int bits : {0, 1, 2, 3}) {
          ModelShape shape = oracle::variants()[2];
          shape.norm = norm;
          shape.positions = positions;
          shape.mlp = mlp;
          shape.biases = bits % 2 == 1;
          shape.tied = bits / 2 == 1;
          shapes.push_back(shape);
        }
  return shapes;
}

}  // namespace

TEST_CASE("declaration: GPT-2 124M has the published number of parameters") {
  ModelShape shape;
  shape.layers = shape.heads = shape.kv_heads = 12;
  shape.width = 768;
  shape.head_width = 64;
  shape.ffn_width = 3072;
  shape.vocabulary = 50257;
  shape.sequence = 1024;
  std::int64_t total = 0;
  for (const ParameterSpec& spec : declare_parameters(shape, 1, 0).specs) total += num_elements(spec.global_shape);
  CHECK(total == 124439808);
}

TEST_CASE("declaration: parameters add up to what accounting counts, by part") {
  for (const ModelShape& shape : all_shapes()) {
    CAPTURE(oracle::describe(shape), shape.preset);
    std::map<std::string, std::int64_t> of_kind;
    std::int64_t total = 0, positions = 0, tables = 0;
    for (const ParameterSpec& spec : declare_parameters(shape, 1, 0).specs) {
      const std::int64_t elements = num_elements(spec.global_shape);
      total += elements;
      of_kind[spec.kind] += elements;
      if (spec.name == "embedding.positions.weight") positions += elements;
      if (spec.name == "embedding.tokens.weight" || spec.name == "head.weight") tables += elements;
    }
    const ParameterCounts counts = count_parameters(shape);
    CHECK(counts.total == total);
    CHECK(counts.positions == positions);
    CHECK(counts.embedding == tables + positions);
    CHECK(counts.non_embedding == total - tables - positions);
    CHECK(counts.matmul == of_kind["matrix"] + (shape.tied ? counts.token_table : 0));
  }
}

TEST_CASE("declaration: names, kinds, units and shapes of a small model on one rank") {
  ModelShape shape = oracle::variants()[4];  // rmsnorm, rotary, swiglu, K = 1, biases, tied
  const auto specs = by_name(declare_parameters(shape, 1, 0));
  std::set<std::string> names;
  for (const auto& [name, spec] : specs) names.insert(name);
  std::set<std::string> expected = {"embedding.tokens.weight", "head.norm.weight"};
  for (const char* layer : {"layers.0.", "layers.1."}) {
    for (const char* name :
         {"attention_norm.weight", "attention.query.weight", "attention.query.bias", "attention.key.weight", "attention.key.bias",
          "attention.value.weight", "attention.value.bias", "attention.output.weight", "attention.output.bias", "mlp_norm.weight",
          "mlp.gate.weight", "mlp.gate.bias", "mlp.up.weight", "mlp.up.bias", "mlp.down.weight", "mlp.down.bias"}) {
      expected.insert(std::string(layer) + name);
    }
  }
  CHECK(names == expected);
  CHECK(specs.at("layers.1.attention.key.weight").global_shape == Extents{6, 16});
  CHECK(specs.at("layers.1.attention.output.weight").global_shape == Extents{16, 24});
  CHECK(specs.at("layers.1.attention.output.weight").init_std == Approx(0.02 / 2.0));  // sqrt(2 L) with L = 2
  CHECK(specs.at("layers.1.mlp.up.weight").init_std == 0.02);
  CHECK(specs.at("layers.1.mlp.down.bias").kind == "bias");
  CHECK(specs.at("layers.1.mlp.down.bias").init == Init::zeros);
  CHECK(specs.at("layers.1.mlp_norm.weight").kind == "norm");
  CHECK(specs.at("layers.1.mlp_norm.weight").init == Init::ones);
  CHECK(specs.at("layers.1.mlp_norm.weight").unit == 2);
  CHECK(specs.at("embedding.tokens.weight").kind == "embedding");
  CHECK(specs.at("embedding.tokens.weight").local_shape == Extents{384, 16});
  CHECK(specs.at("head.norm.weight").unit == 3);

  shape.biases = false;
  shape.tied = false;
  shape.positions = Positions::learned;
  shape.norm = Norm::layernorm;
  const auto plain = by_name(declare_parameters(shape, 1, 0));
  CHECK(plain.count("layers.0.attention_norm.bias") == 0);
  CHECK(plain.count("layers.0.mlp.down.bias") == 0);
  CHECK(plain.at("head.weight").kind == "matrix");
  CHECK(plain.at("head.weight").unit == 3);
  CHECK(plain.at("embedding.positions.weight").global_shape == Extents{12, 16});
}

TEST_CASE("declaration: the units of stages; a table that two of them hold is alone in the first") {
  ModelShape shape = oracle::variants()[4];
  shape.layers = 5;
  shape.positions = Positions::learned;
  const auto units = [&](int stage, int pp, int chunks) {
    const ModelDeclaration declared = declare_parameters(shape, {.pp = pp, .stage = stage, .virtual_stages = chunks});
    CHECK(declared.specs.back().unit == declared.units.units() - 1);
    const UnitPlan& plan = declared.units;
    return fmt::format("{} {} {} {} {}", plan.tables, fmt::join(plan.chunks, ","), plan.head, plan.table_of_head, plan.table_twice);
  };
  CHECK(units(0, 1, 1) == "1 5 true true false");
  CHECK(units(0, 2, 1) == "2 2 false false true");
  CHECK(units(1, 2, 2) == "1 1,2 true true true");
  CHECK(units(1, 3, 1) == "0 2 false false false");
  shape.tied = false;
  CHECK(units(0, 1, 1) == "1 5 true false false");
  CHECK(units(0, 2, 1) == "1 2 false false false");
  CHECK(units(1, 2, 1) == "0 3 true false false");
}

TEST_CASE("declaration: boxes of all tensor ranks cover every parameter exactly once, replicas counted once") {
  for (const ModelShape& shape : oracle::variants()) {
    for (const int tp : {1, 2, 4}) {
      std::map<std::string, std::vector<Piece>> pieces;
      std::map<std::string, Extents> shapes;
      for (int rank = 0; rank < tp; ++rank) {
        for (const ParameterSpec& spec : declare_parameters(shape, tp, rank).specs) {
          if (spec.counts_here) pieces[spec.name].push_back(whole_piece(spec.box));
          shapes[spec.name] = spec.global_shape;
        }
      }
      for (const auto& [name, global] : shapes) {
        CAPTURE(oracle::describe(shape), tp, name);
        CHECK_NOTHROW(check_cover(name, global, pieces[name]));
      }
    }
  }
}

TEST_CASE("declaration: replicated key/value heads are summed over their replicas, and no other parameter") {
  const ModelShape shape = oracle::variants()[2];  // K = 2
  for (int rank = 0; rank < 4; ++rank) {
    for (const ParameterSpec& spec : declare_parameters(shape, 4, rank).specs) {
      const bool kv = spec.name.find(".key.") != std::string::npos || spec.name.find(".value.") != std::string::npos;
      CHECK(spec.partial_over == (kv ? PartialOver::kv_replicas : PartialOver::nothing));
      if (kv) CHECK(spec.counts_here == (rank % 2 == 0));
      if (kv) CHECK(spec.box.offset[0] == rank / 2 * 6);
    }
  }
  for (const ParameterSpec& spec : declare_parameters(shape, 2, 1).specs) CHECK(spec.partial_over == PartialOver::nothing);
}

TEST_CASE("declaration: what does not divide is refused") {
  ModelShape shape = oracle::variants()[0];
  CHECK_THROWS_AS(declare_parameters(shape, 3, 0), Error);
  shape.ffn_width = 25;
  CHECK_THROWS_AS(declare_parameters(shape, 2, 0), Error);
}

}  // namespace ergon
