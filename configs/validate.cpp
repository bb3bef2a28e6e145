// SPDX-License-Identifier: Apache-2.0
#include "configs/validate.hpp"

#include "configs/toml.hpp"

namespace ergon {
namespace {

// The place of the first key that somebody gave: the line to look at.
std::string place(const Given& given, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (given.contains(key)) return given.where(key);
  return "";
}

void validate_model(const ModelShape& model, const Given& given, Problems& problems) {
  if (model.heads % model.kv_heads != 0) {
    problems.add(fmt::format("model.kv_heads = {} does not divide model.heads = {}", model.kv_heads, model.heads),
                 place(given, {"model.kv_heads", "model.heads"}), "each key and value head serves heads / kv_heads query heads");
  }
  if (model.positions == Positions::rotary && model.head_width % 2 != 0) {
    problems.add(fmt::format("rotary positions turn pairs of features, but model.head_width = {} is odd", model.head_width),
                 place(given, {"model.head_width", "model.positions", "model.heads"}),
                 "choose an even model.head_width, or model.positions = \"learned\"");
  }
}

void validate_batch(const RunConfig& config, const Given& given, Problems& problems) {
  std::int64_t batch = config.train.batch, microbatch = config.train.microbatch, dp = config.mesh.dp;
  if (batch % dp != 0 || batch / dp % microbatch != 0) {
    std::int64_t unit = microbatch * dp;
    std::int64_t above = (batch + unit - 1) / unit * unit;
    problems.add(fmt::format("train.batch = {} is not train.microbatch = {} x mesh.dp = {} x a whole number of accumulations", batch,
                             microbatch, dp),
                 place(given, {"train.batch", "train.microbatch", "mesh.dp"}),
                 above == batch + unit || above <= unit ? fmt::format("train.batch = {} fits", above)
                                                        : fmt::format("train.batch = {} and {} fit", above - unit, above));
  }
}

void validate_data(const DataSection& data, const Given& given, Problems& problems) {
  const auto one_each = [&](const std::string& what, const std::vector<std::int64_t>& weights, const char* key) {
    if (data.train.empty() || weights.empty() || weights.size() == data.train.size()) return;
    problems.add(fmt::format("{} has {} weights, data.train names {} sources", what, weights.size(), data.train.size()),
                 place(given, {key, "data.weights", "data.train"}), "give each source one weight, in the order of data.train");
  };
  one_each("data.weights", data.weights, "data.weights");
  if (!data.curriculum.empty() && data.weights.empty()) {
    problems.add("data.curriculum changes weights, but data.weights is empty", place(given, {"data.curriculum"}),
                 "set data.weights: the weights before the first stage");
  }
  for (std::size_t i = 0; i < data.curriculum.size(); ++i) {
    const MixStage& stage = data.curriculum[i];
    one_each(fmt::format("the stage of data.curriculum from step {}", stage.from_step), stage.weights, "data.curriculum");
    if (i > 0 && stage.from_step <= data.curriculum[i - 1].from_step) {
      problems.add(
          fmt::format("data.curriculum has a stage from step {} after one from step {}", stage.from_step, data.curriculum[i - 1].from_step),
          place(given, {"data.curriculum"}), "list the stages in the order of their steps");
    }
  }
}

void validate_packing(const DataSection& data, const Given& given, Problems& problems) {
  if (data.packing == DocumentPacking::stream) {
    if (!data.packing_table.empty()) {
      problems.add("data.packing_table has no meaning for data.packing = \"stream\"", place(given, {"data.packing_table"}),
                   "set data.packing = \"best_fit\", or leave the table out");
    }
    return;
  }
  if (data.packing_table.empty()) {
    problems.add("data.packing = \"best_fit\" wants data.packing_table", place(given, {"data.packing"}),
                 "make the table once: `ergon data pack STORE --sequence T -o packing.h5`");
  }
  if (!data.document_mask) {
    problems.add("data.packing = \"best_fit\" puts unrelated documents into a sample, but data.document_mask is false",
                 place(given, {"data.document_mask", "data.packing"}), "set data.document_mask = true");
  }
}

void validate_optimizer(const RunConfig& config, const Given& given, Problems& problems) {
  const OptimizerSection& optimizer = config.optimizer;
  std::int64_t steps = config.train.steps;
  if (optimizer.minimum_lr > optimizer.lr) {
    problems.add(
        fmt::format("optimizer.minimum_lr = {} is above optimizer.lr = {}", toml_number(optimizer.minimum_lr), toml_number(optimizer.lr)),
        place(given, {"optimizer.minimum_lr", "optimizer.lr"}), "the schedule goes down from lr to minimum_lr");
  }
  if (optimizer.warmup > steps) {
    problems.add(fmt::format("optimizer.warmup = {} is longer than train.steps = {}", optimizer.warmup, steps),
                 place(given, {"optimizer.warmup", "train.steps"}), "the run would end before the warm-up does");
  }
  if (optimizer.decay_steps == 0) return;
  if (optimizer.schedule == LrSchedule::constant) {
    problems.add(fmt::format("optimizer.decay_steps = {} has no meaning for optimizer.schedule = \"constant\"", optimizer.decay_steps),
                 place(given, {"optimizer.decay_steps", "optimizer.schedule"}), "leave it out, or choose a schedule that decays");
  } else if (optimizer.schedule == LrSchedule::wsd && optimizer.warmup + optimizer.decay_steps > steps) {
    problems.add(fmt::format("optimizer.warmup = {} and optimizer.decay_steps = {} together are longer than train.steps = {}",
                             optimizer.warmup, optimizer.decay_steps, steps),
                 place(given, {"optimizer.decay_steps", "optimizer.warmup", "train.steps"}), "the warm-up ends before the decay begins");
  } else if (optimizer.schedule != LrSchedule::wsd && optimizer.decay_steps < optimizer.warmup) {
    problems.add(
        fmt::format("optimizer.decay_steps = {} lies before the end of optimizer.warmup = {}", optimizer.decay_steps, optimizer.warmup),
        place(given, {"optimizer.decay_steps", "optimizer.warmup"}), "it is the step at which the decay ends");
  }
}

void validate_mesh(const RunConfig& config, const Given& given, Problems& problems) {
  const MeshSection& mesh = config.mesh;
  const ModelShape& model = config.model;
  if (mesh.dp * mesh.pp > (1 << 20) || mesh.dp * mesh.pp * mesh.cp > (1 << 20) || mesh.dp * mesh.pp * mesh.cp * mesh.tp > (1 << 20)) {
    problems.add(fmt::format("mesh.dp = {} x mesh.pp = {} x mesh.cp = {} x mesh.tp = {} is more than {} ranks", mesh.dp, mesh.pp, mesh.cp,
                             mesh.tp, 1 << 20),
                 place(given, {"mesh.dp", "mesh.pp", "mesh.cp", "mesh.tp"}), "the product is the number of ranks of the job");
  }
  if (mesh.pp * mesh.virtual_stages > model.layers) {
    problems.add(
        fmt::format("mesh.pp = {} x mesh.virtual_stages = {} is more than model.layers = {}", mesh.pp, mesh.virtual_stages, model.layers),
        place(given, {"mesh.pp", "mesh.virtual_stages", "model.layers"}), "each stage holds at least one layer");
  }
  if (mesh.attention == AttentionSharding::hybrid && mesh.cp % mesh.ulysses != 0) {
    problems.add(fmt::format("mesh.ulysses = {} does not divide mesh.cp = {}", mesh.ulysses, mesh.cp),
                 place(given, {"mesh.ulysses", "mesh.cp"}), "hybrid attention makes cp / ulysses rings");
  }
}

}  // namespace

void validate(const RunConfig& config, const Given& given, Problems& problems) {
  validate_model(config.model, given, problems);
  validate_data(config.data, given, problems);
  validate_packing(config.data, given, problems);
  validate_batch(config, given, problems);
  validate_optimizer(config, given, problems);
  validate_mesh(config, given, problems);
}

}  // namespace ergon
