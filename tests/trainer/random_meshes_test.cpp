// SPDX-License-Identifier: Apache-2.0
// The rules of parallel/plan/refusals against what really runs: a configuration that they accept takes a step on its mesh, of the loss and
// the norm of one rank; one that they refuse is accepted once their hints are followed.
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "configs/key_table.hpp"
#include "configs/toml.hpp"
#include "tests/trainer/mesh_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using test::TinyRun;

template <typename T>
T one_of(std::initializer_list<T> values) {
  return *rc::gen::elementOf(std::vector<T>(values));
}

// Axes whose product threads of one process can play.
void draw_axes(MeshSection& mesh) {
  std::vector<std::array<std::int64_t, 4>> all;
  for (const std::int64_t dp : {1, 2, 3})
    for (const std::int64_t pp : {1, 2, 3})
      for (const std::int64_t cp : {1, 2, 3, 4})
        for (const std::int64_t tp : {1, 2, 3, 4})
          if (dp * pp * cp * tp <= 8) all.push_back({dp, pp, cp, tp});
  const auto [dp, pp, cp, tp] = *rc::gen::elementOf(all);
  mesh.dp = dp, mesh.pp = pp, mesh.cp = cp, mesh.tp = tp;
  mesh.order = one_of<std::string>({"tp-cp-dp-pp", "pp-dp-cp-tp", "cp-tp-pp-dp"});
}

void draw_use_of_axes(MeshSection& mesh) {
  if (one_of({true, false})) mesh.attention = one_of({AttentionSharding::ulysses, AttentionSharding::gather_kv, AttentionSharding::hybrid});
  mesh.layout = one_of({SequenceLayout::zigzag, SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous});
  mesh.ulysses = one_of<std::int64_t>({1, 1, 1, 2, 3});
  mesh.gather_heads = one_of<std::int64_t>({1, 1, 1, 2});
  mesh.sequence_parallel = one_of({false, false, true});
  mesh.schedule = one_of({PipelineSchedule::one_f_one_b, PipelineSchedule::one_f_one_b, PipelineSchedule::gpipe,
                          PipelineSchedule::interleaved, PipelineSchedule::zero_bubble});
  mesh.virtual_stages = one_of<std::int64_t>({1, 1, 2});
  mesh.zero = one_of<std::int64_t>({0, 1, 3});
  if (one_of({false, false, true})) mesh.bucket = Bytes{4096};
}

void draw_model(ModelShape& model) {
  model.layers = one_of<std::int64_t>({1, 2, 3, 4});
  model.kv_heads = one_of<std::int64_t>({1, 2, 3, 4});
  model.heads = model.kv_heads * one_of<std::int64_t>({1, 2, 3});
  model.head_width = one_of<std::int64_t>({2, 4, 6});
  model.width = one_of<std::int64_t>({4, 6, 12});
  model.ffn_width = one_of<std::int64_t>({6, 12, 24});
  model.sequence = one_of<std::int64_t>({4, 6, 12, 16, 24});
  model.window = one_of<std::int64_t>({0, 0, 1, 5, 100});
  model.causal = one_of({true, true, false});
  model.dropout = one_of({0.0, 0.2});
  model.norm = one_of({Norm::layernorm, Norm::rmsnorm});
  model.positions = one_of({Positions::learned, Positions::rotary, Positions::none});
  model.mlp = one_of({Mlp::gelu, Mlp::swiglu});
  model.biases = one_of({true, false});
  model.tied = one_of({true, false});
}

RunConfig drawn(const TinyRun& tiny) {
  RunConfig config = tiny.config({"optimizer.clip=0.01"});
  draw_axes(config.mesh);
  draw_use_of_axes(config.mesh);
  draw_model(config.model);
  config.model.vocabulary = 258;  // one for tokens to restore
  config.data.document_mask = one_of({false, true});
  config.train.microbatch = one_of<std::int64_t>({1, 2, 3});
  config.train.batch =
      config.train.microbatch * config.mesh.dp * one_of<std::int64_t>({1, 2, 3, 4}) + one_of<std::int64_t>({0, 0, 0, 0, 1});
  config.train.recompute = one_of({Recompute::none, Recompute::none, Recompute::selective, Recompute::core, Recompute::full});
  config.run.deterministic = one_of({false, false, false, true});
  return config;
}

std::int64_t number(const RunConfig& config, const std::string& key) { return std::stoll(find_key(key)->print(config)); }

void set(RunConfig& config, const std::string& key, std::int64_t value) { find_key(key)->set(config, {value, std::to_string(value)}); }

std::int64_t largest_divisor(std::int64_t of, std::int64_t at_most) {
  std::int64_t divisor = std::min(of, at_most);
  while (of % divisor != 0) --divisor;
  return divisor;
}

// What a person does who takes the first way out of a hint: in the words that hints use. False: not understood.
bool follow(const std::string& hint, RunConfig& config) {
  std::smatch found;
  const auto says = [&](const char* form) { return std::regex_search(hint, found, std::regex(form)); };
  if (says(R"(^leave (\S+) out)")) {
    const RunConfig untouched;
    const Key* key = find_key(found[1]);
    const std::string text = key->print(untouched);
    const bool quoted = text.starts_with('"');
    key->set(config, Value::text(quoted ? text.substr(1, text.size() - 2) : text));
    return true;
  }
  if (says(R"(^set (\S+) = \"(\S+)\")")) return find_key(found[1])->set(config, Value::text(found[2])), true;
  if (says(R"(^set (\S+) = (true|false))")) return find_key(found[1])->set(config, {found[2] == "true", found[2]}), true;
  if (says(R"(^set (\S+) = (\d+))")) return set(config, found[1], std::stoll(found[2])), true;
  if (says(R"(^set (\S+) to (\d+) or less)")) return set(config, found[1], std::stoll(found[2])), true;
  if (says(R"(^set (\S+) to a divisor (?:or a multiple )?of (?:\S+ = )?(\d+))"))
    return set(config, found[1], largest_divisor(std::stoll(found[2]), number(config, found[1]))), true;
  if (says(R"(^set (\S+) to a multiple of (\d+))")) {
    const std::int64_t unit = std::stoll(found[2]);
    return set(config, found[1], (number(config, found[1]) + unit - 1) / unit * unit), true;
  }
  if (says(R"(^set (\S+) x (\S+) to at most \S+ = (\d+))")) {
    set(config, found[2], 1);
    return set(config, found[1], std::min<std::int64_t>(number(config, found[1]), std::stoll(found[3].str()))), true;
  }
  return false;
}

// Until nothing is refused, or a hint leads nowhere: then what was wrong.
std::string follow_hints(RunConfig& config) {
  std::string way;
  for (int tries = 0; tries < 20; ++tries) {
    const std::vector<Error> refused = plan_refusals(config, 0);
    if (refused.empty()) return "";
    const Error& first = refused.front();
    way += fmt::format("{}: {} | {}\n", first.where(), first.problem(), first.hint());
    if (find_key(first.where()) == nullptr) return way + "names no key";
    const RunConfig before = config;
    if (!follow(first.hint(), config) || config == before) return way + "leads nowhere";
  }
  return way + "goes round in circles";
}

// Of the first step.
std::pair<double, double> loss_and_norm(const RunConfig& config) {
  std::pair<double, double> seen;
  std::mutex mutex;
  test::on_mesh(config, [&](test::RankOfRun& rank) {
    const StepResult result = rank.steps(1);
    const std::lock_guard lock(mutex);
    seen = {result.loss, result.grad_norm};
  });
  return seen;
}

}  // namespace

TEST_CASE("property: what the rules accept trains as one rank does, what they refuse is accepted once their hints are followed") {
  const TinyRun tiny;
  std::size_t refused = 0;
  CHECK(rc::check([&] {
    RunConfig config = drawn(tiny);
    refused += !plan_refusals(config, 0).empty();
    const std::string wrong = follow_hints(config);
    RC_LOG() << wrong << to_toml(config);
    RC_ASSERT(wrong.empty());
    RunConfig one = config;
    one.mesh = {};
    one.run.deterministic = false;
    const auto [loss, norm] = loss_and_norm(config);
    const auto [loss_of_one, norm_of_one] = loss_and_norm(one);
    RC_LOG() << "loss " << loss << " not " << loss_of_one << ", norm " << norm << " not " << norm_of_one;
    RC_ASSERT(std::abs(loss - loss_of_one) <= 1e-12);
    RC_ASSERT(std::abs(norm - norm_of_one) <= 1e-12 * std::max(1.0, norm_of_one));
  }));
  CHECK(refused > 10);
}
