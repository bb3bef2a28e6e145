// SPDX-License-Identifier: Apache-2.0
// [data]: which samples a run reads, and in what order. Weights are written as decimals and kept as the smallest integers in the same
// ratio, so nothing that follows from them is rounded: 0.7 and 0.3 are 7 and 3.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "configs/decimal.hpp"
#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

using u128 = unsigned __int128;

constexpr const char* takes_sources = "a text, a list of texts, or a list of tables {path = \"tokens.h5\", weight = 0.7}";
constexpr const char* takes_weights = "a list of numbers >= 0, not all 0";
constexpr const char* takes_stages = "a list of tables {from_step = 1000, weights = [1, 3]}";
constexpr const char* takes_ranges = "a list of ranges [begin, end] with 0 <= begin < end";
constexpr u128 largest_weight = u128{1} << 31;

Decimal read_weight(const Value& value, const Value& all) {
  const bool is_number = std::holds_alternative<std::int64_t>(value.data) || std::holds_alternative<double>(value.data);
  const std::optional<Decimal> number = is_number ? read_decimal(value.written) : std::nullopt;
  if (!number) refuse_value(all, takes_weights);
  return *number;
}

u128 common_divisor(u128 a, u128 b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

// The smallest integers in the ratio of the decimals. `all` is what a refusal shows.
std::vector<std::int64_t> integer_ratio(const std::vector<Decimal>& numbers, const Value& all) {
  int power = 0;
  for (const Decimal& number : numbers) power = std::min(power, number.exponent);
  std::vector<u128> scaled;
  u128 divisor = 0;
  for (const Decimal& number : numbers) {
    const std::optional<u128> weight = whole(number, 1, -power);
    if (!weight) refuse_value(all, "weights whose ratio is one of integers up to 2^31");
    scaled.push_back(*weight);
    divisor = common_divisor(divisor, *weight);
  }
  if (divisor == 0) refuse_value(all, takes_weights);
  std::vector<std::int64_t> ratio;
  for (const u128 weight : scaled) {
    if (weight / divisor > largest_weight) refuse_value(all, "weights whose ratio is one of integers up to 2^31");
    ratio.push_back(static_cast<std::int64_t>(weight / divisor));
  }
  return ratio;
}

std::vector<std::int64_t> read_weights(const Value& value) {
  const Value::List* list = std::get_if<Value::List>(&value.data);
  if (!list) refuse_value(value, takes_weights);
  if (list->empty()) return {};
  std::vector<Decimal> numbers;
  for (const Value& element : *list) numbers.push_back(read_weight(element, value));
  return integer_ratio(numbers, value);
}

std::string print_integers(const std::vector<std::int64_t>& numbers) { return fmt::format("[{}]", fmt::join(numbers, ", ")); }

// A list of tables gives the weights with the paths; texts leave data.weights as it is.
void set_train(DataSection& data, const Value& value) {
  const Value::List* list = std::get_if<Value::List>(&value.data);
  const bool tables = list && !list->empty() && std::holds_alternative<Value::Table>(list->front().data);
  if (!tables) {
    if (list)
      for (const Value& entry : *list)
        if (std::holds_alternative<Value::Table>(entry.data)) refuse_value(value, takes_sources, "give every source its weight, or none");
    data.train = read_paths(value);
    return;
  }
  std::vector<std::string> paths;
  std::vector<Decimal> weights;
  for (const Value& entry : *list) {
    const std::vector<const Value*> fields = read_table(entry, {"path", "weight"}, takes_sources);
    paths.push_back(read_path(*fields[0]));
    weights.push_back(read_weight(*fields[1], value));
  }
  data.weights = integer_ratio(weights, value);
  data.train = paths;
}

Key train_key() {
  auto set = [](RunConfig& config, const Value& value) { set_train(config.data, value); };
  auto print = [](const RunConfig& config) {
    const std::vector<std::string>& paths = config.data.train;
    return paths.size() == 1 ? print_texts(paths) : print_list(paths);
  };
  Key key = make_key({"data.train", "", OnResume::free,
                      "token stores and dataset files, made by `ergon data import`; a checkpoint knows them by content, not by path; "
                      "{path, weight} tables set data.weights too"},
                     "list of texts", "", set, print);
  key.default_text = "none: must be given";
  return key;
}

Key weights_key() {
  auto set = [](RunConfig& config, const Value& value) { config.data.weights = read_weights(value); };
  auto print = [](const RunConfig& config) { return print_integers(config.data.weights); };
  return make_key({"data.weights", "", OnResume::recorded,
                   "share of each source of data.train in the samples; []: every sample once an epoch. A change acts from there on"},
                  "list of numbers", ">= 0", set, print);
}

Key curriculum_key() {
  auto set = [](RunConfig& config, const Value& value) {
    const Value::List* list = std::get_if<Value::List>(&value.data);
    if (!list) refuse_value(value, takes_stages);
    std::vector<MixStage> stages;
    for (const Value& stage : *list) {
      const std::vector<const Value*> fields = read_table(stage, {"from_step", "weights"}, takes_stages);
      stages.push_back({read_integer(*fields[0], 1, any_count, ">= 1"), read_weights(*fields[1])});
      if (stages.back().weights.empty()) refuse_value(value, takes_stages);
    }
    config.data.curriculum = stages;
  };
  auto print = [](const RunConfig& config) {
    std::vector<std::string> stages;
    for (const MixStage& stage : config.data.curriculum)
      stages.push_back(fmt::format("{{from_step = {}, weights = {}}}", stage.from_step, print_integers(stage.weights)));
    return fmt::format("[{}]", fmt::join(stages, ", "));
  };
  return make_key({"data.curriculum", "", OnResume::recorded,
                   "other weights from a step on: [{from_step = 1000, weights = [1, 3]}]; the order before stays as it was"},
                  "list of tables", "", set, print);
}

Key skip_key() {
  auto set = [](RunConfig& config, const Value& value) {
    const Value::List* list = std::get_if<Value::List>(&value.data);
    if (!list) refuse_value(value, takes_ranges);
    std::vector<SkipRange> ranges;
    for (const Value& range : *list) {
      const Value::List* ends = std::get_if<Value::List>(&range.data);
      if (!ends || ends->size() != 2) refuse_value(value, takes_ranges);
      ranges.push_back({read_integer((*ends)[0], 0, any_count, ">= 0"), read_integer((*ends)[1], 1, any_count, ">= 1")});
      if (ranges.back().begin >= ranges.back().end) refuse_value(value, takes_ranges);
    }
    config.data.skip = ranges;
  };
  auto print = [](const RunConfig& config) {
    std::vector<std::string> ranges;
    for (const SkipRange& range : config.data.skip) ranges.push_back(fmt::format("[{}, {}]", range.begin, range.end));
    return fmt::format("[{}]", fmt::join(ranges, ", "));
  };
  return make_key({"data.skip", "samples", OnResume::recorded,
                   "ranges [begin, end] of the run's order, end left out, that are not trained on; what was read before stays read"},
                  "list of ranges", "begin < end", set, print);
}

}  // namespace

std::vector<Key> keys_order() {
  auto at = [](auto member) { return field(&RunConfig::data, member); };
  using S = DataSection;
  using enum OnResume;
  return {
      train_key(),
      weights_key(),
      curriculum_key(),
      choice(
          {"data.packing", "", fixed, "stream: documents end to end, cut every model.sequence tokens; best_fit: cut as little as can be"},
          at(&S::packing)),
      text({"data.packing_table", "", free, "of best_fit, made by `ergon data pack`; a checkpoint knows it by content, not by path"},
           at(&S::packing_table)),
      skip_key(),
      integer({"data.prefetch", "steps", free, "read ahead; more where storage answers unevenly"}, at(&S::prefetch), 1, 64),
  };
}

}  // namespace ergon
