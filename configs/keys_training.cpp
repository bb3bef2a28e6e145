// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

Key betas_key() {
  auto at = field(&RunConfig::optimizer, &OptimizerSection::betas);
  auto set = [at](RunConfig& config, const Value& value) {
    const char* expected = "a list of two numbers, each in [0, 1)";
    const Value::List* list = std::get_if<Value::List>(&value.data);
    if (!list || list->size() != 2) refuse_value(value, expected);
    std::array<double, 2> betas{};
    for (std::size_t i = 0; i < 2; ++i) {
      betas[i] = read_number((*list)[i], "in [0, 1)");
      if (!fraction.holds(betas[i])) refuse_value(value, expected);
    }
    at(config) = betas;
  };
  auto print = [at](const RunConfig& config) { return fmt::format("[{}, {}]", print_number(at(config)[0]), print_number(at(config)[1])); };
  return make_key(
      {"optimizer.betas", "", OnResume::recorded, "decay of the first and second moment; a lower second one for noisy gradients"},
      "two numbers", "in [0, 1)", set, print);
}

Key no_decay_key() {
  static constexpr const char* kinds[] = {"norm", "bias", "embedding", "matrix"};
  auto at = field(&RunConfig::optimizer, &OptimizerSection::no_decay);
  auto set = [at](RunConfig& config, const Value& value) {
    std::vector<std::string> texts = read_texts(value);
    for (const std::string& text : texts) read_choice(Value::text(text), kinds);
    at(config) = texts;
  };
  auto print = [at](const RunConfig& config) { return print_list(at(config)); };
  return make_key({"optimizer.no_decay", "", OnResume::recorded, "parameters of these kinds are not decayed"}, "list of texts",
                  joined(kinds), set, print);
}

std::vector<Key> keys_data() {
  auto at = [](auto member) { return field(&RunConfig::data, member); };
  using S = DataSection;
  using enum OnResume;
  std::vector<Key> keys = keys_order();
  keys.push_back(paths({"data.validation", "", free, "token stores whose validation split is evaluated"}, at(&S::validation)));
  keys.back().default_text = "data.train";
  keys.push_back(boolean({"data.document_mask", "", fixed,
                          "attention, positions and labels end with a document: what shares a sequence by chance is not seen"},
                         at(&S::document_mask)));
  keys.push_back(number({"data.mask_fraction", "", fixed, "of the tokens that a model with model.causal = false has to restore"},
                        at(&S::mask_fraction), proper_fraction));
  return keys;
}

std::vector<Key> keys_train() {
  auto at = [](auto member) { return field(&RunConfig::train, member); };
  using S = TrainSection;
  using enum OnResume;
  return {
      integer({"train.steps", "steps", recorded, "length of the run; may grow on resume when the schedule does not depend on it"},
              at(&S::steps), 1),
      integer({"train.batch", "sequences", recorded, "a step over all ranks: microbatch x dp x accumulation"}, at(&S::batch), 1),
      integer({"train.microbatch", "sequences", layout, "one forward on one rank; larger is faster until memory ends"}, at(&S::microbatch),
              1),
      choice({"train.dtype", "", fixed, "float64 for tests, bfloat16 where the hardware has it"}, at(&S::dtype)),
      integer({"train.evaluate_every", "steps", free, "0: never"}, at(&S::evaluate_every), 0),
      integer({"train.evaluate_batches", "batches", free, "batches of train.batch sequences in one evaluation; more for a smoother curve"},
              at(&S::evaluate_batches), 1),
      choice({"train.recompute", "", layout, "rebuild activations in backward to save memory"}, at(&S::recompute)),
  };
}

std::vector<Key> keys_optimizer() {
  auto at = [](auto member) { return field(&RunConfig::optimizer, member); };
  using S = OptimizerSection;
  using enum OnResume;
  std::vector<Key> keys = {
      number({"optimizer.lr", "", recorded, "the peak; lower for wider models"}, at(&S::lr), not_negative),
      number({"optimizer.minimum_lr", "", recorded, "where the schedule ends; at most lr"}, at(&S::minimum_lr), not_negative),
      betas_key(),
      number({"optimizer.epsilon", "", recorded, "added to the root of the second moment"}, at(&S::epsilon), positive),
      number({"optimizer.weight_decay", "", recorded, "decoupled, times the learning rate"}, at(&S::weight_decay), not_negative),
      no_decay_key(),
      number({"optimizer.clip", "", recorded, "largest global norm of the gradient; 0: never clip"}, at(&S::clip), not_negative),
      choice({"optimizer.schedule", "", recorded, "of the learning rate after the warm-up; wsd: constant, then a decay at the end"},
             at(&S::schedule)),
      integer({"optimizer.warmup", "steps", recorded, "from 0 to lr, linearly; longer for large rates"}, at(&S::warmup), 0),
      integer({"optimizer.decay_steps", "steps", recorded,
               "cosine, linear: the step where the decay ends, 0: train.steps; wsd: length of the last decay, 0: a tenth of the run"},
              at(&S::decay_steps), 0),
  };
  for (Key& key : keys) {
    if (key.name == "optimizer.minimum_lr") key.default_text = "optimizer.lr / 10";
    if (key.name == "optimizer.warmup") key.default_text = "100, or train.steps when that is less";
  }
  return keys;
}

}  // namespace

std::vector<Key> keys_training() {
  std::vector<Key> keys = keys_data();
  for (auto& more : {keys_train(), keys_optimizer()}) keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

}  // namespace ergon
