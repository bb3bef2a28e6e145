// SPDX-License-Identifier: Apache-2.0
#include "configs/derive.hpp"

#include <algorithm>

namespace ergon {
namespace {

std::int64_t default_ffn_width(Mlp mlp, std::int64_t width) {
  if (mlp == Mlp::gelu) return 4 * width;
  constexpr std::int64_t multiple = 64;
  std::int64_t exact = (8 * width + 2) / 3;  // rounded up
  return (exact + multiple - 1) / multiple * multiple;
}

}  // namespace

void derive(RunConfig& config, const Given& given, Problems& problems) {
  ModelShape& model = config.model;
  if (!given.contains("model.kv_heads")) model.kv_heads = model.heads;
  if (!given.contains("model.ffn_width")) model.ffn_width = default_ffn_width(model.mlp, model.width);
  if (!given.contains("model.head_width")) {
    if (model.width % model.heads != 0) {
      problems.add(fmt::format("model.heads = {} does not divide model.width = {}", model.heads, model.width), given.where("model.heads"),
                   "choose a divisor, or set model.head_width");
    }
    model.head_width = std::max<std::int64_t>(1, model.width / model.heads);
  }

  OptimizerSection& optimizer = config.optimizer;
  if (given.contains("optimizer.lr") && !given.contains("optimizer.minimum_lr")) optimizer.minimum_lr = optimizer.lr / 10;
  if (!given.contains("optimizer.warmup")) optimizer.warmup = std::min(optimizer.warmup, config.train.steps);
}

}  // namespace ergon
