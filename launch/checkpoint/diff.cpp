// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint diff`: how two checkpoints differ, tensor by tensor.
#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/comparison.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
using Kind = TensorDifference::Kind;

constexpr int differ = 1;  // as diff says it

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

Json difference_json(const TensorDifference& difference) {
  Json json{{"name", difference.name}, {"kind", name(difference.kind)}};
  if (difference.kind == Kind::other_shape || difference.kind == Kind::other_dtype) {
    json["first"] = difference.first;
    json["second"] = difference.second;
  }
  if (difference.kind != Kind::other_values) return json;
  json["elements"] = difference.elements;
  Json reason = Json::object();
  for (const auto& [key, value] : {std::pair{"absolute", difference.absolute}, {"relative", difference.relative}}) {
    json[key] = std::isfinite(value) ? Json(value) : Json(nullptr);
    if (!std::isfinite(value)) reason[key] = "infinite";
  }
  if (!reason.empty()) json["reason"] = reason;
  return json;
}

std::string difference_text(const TensorDifference& difference) {
  if (difference.kind == Kind::other_values)
    return fmt::format("{:<56} {:>12} elements  absolute {:>12}  relative {:>12}\n", difference.name, difference.elements,
                       number_text(difference.absolute), number_text(difference.relative));
  const bool both = difference.kind == Kind::other_shape || difference.kind == Kind::other_dtype;
  return fmt::format("{:<56} {}{}\n", difference.name, name(difference.kind),
                     both ? fmt::format(": {} and {}", difference.first, difference.second) : "");
}

}  // namespace

int command_checkpoint_diff(int argc, char** argv) {
  std::string first, second;
  bool parameters = false, as_json = false;
  CommandLine line("ergon checkpoint diff", "How two checkpoints differ; exit code 0: their tensors are equal, 1: they differ");
  line.positional(first, "A", "a run folder (its newest checkpoint), or the folder of one checkpoint");
  line.positional(second, "B", "another");
  line.flag(parameters, "--parameters", "only these, not what the optimizer keeps");
  line.flag(as_json, "--json", "print JSON");
  line.footer("Example:\n  ergon checkpoint diff runs/a runs/b\n");
  if (!line.parse(argc, argv)) return 0;

  Storage storage(hdf5_helper());
  const CheckpointReader a = named_checkpoint(storage, first), b = named_checkpoint(storage, second);
  const std::string prefix = parameters ? "parameters/" : "";
  const Comparison comparison = compare_tensors(a.tensors(prefix), b.tensors(prefix));
  const bool equal = comparison.differences.empty();
  if (as_json) {
    Json rows = Json::array();
    for (const TensorDifference& difference : comparison.differences) rows.push_back(difference_json(difference));
    std::cout
        << Json{{"schema", "ergon.checkpoint_diff.v1"},      {"first", a.folder()},           {"second", b.folder()}, {"equal", equal},
                {"steps", {a.state().step, b.state().step}}, {"tensors", comparison.tensors}, {"differences", rows}}
               .dump(2)
        << "\n";
    return equal ? 0 : differ;
  }
  std::cout << fmt::format("A {}, step {}\nB {}, step {}\n", a.folder(), a.state().step, b.folder(), b.state().step);
  for (const TensorDifference& difference : comparison.differences) std::cout << difference_text(difference);
  std::cout << (equal ? fmt::format("{} tensors, all equal\n", comparison.tensors)
                      : fmt::format("{} tensors in both, {} differences\n", comparison.tensors, comparison.differences.size()));
  return equal ? 0 : differ;
}

}  // namespace ergon
