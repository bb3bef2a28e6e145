// SPDX-License-Identifier: Apache-2.0
#include "trainer/generation.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "configs/error.hpp"
#include "trainer/kernels/philox.hpp"

namespace ergon {
namespace {

// Separates the draws of generation from those of the sample order, which use the same stream.
constexpr std::uint32_t generation_counter = 0x67656e65u;

double draw(std::int64_t seed, std::int64_t index) {
  const PhiloxBlock block = philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, generation_counter},
                                       philox_key(seed, Stream::sampler));
  return uniform24(block[0]);
}

std::vector<double> to_doubles(const at::Tensor& logits_V) {
  const at::Tensor host = logits_V.to(at::kCPU, at::kDouble).contiguous();
  const double* first = host.data_ptr<double>();
  return {first, first + host.numel()};
}

}  // namespace

std::int64_t choose_token(const at::Tensor& logits_V, const GenerationOptions& options, double uniform) {
  const std::vector<double> logits = to_doubles(logits_V);
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  if (options.temperature == 0) return order.front();
  if (options.top_k > 0 && options.top_k < static_cast<std::int64_t>(order.size())) order.resize(static_cast<std::size_t>(options.top_k));

  const double highest = logits[static_cast<std::size_t>(order.front())];
  std::vector<double> weights;
  for (const std::int64_t token : order)
    weights.push_back(std::exp((logits[static_cast<std::size_t>(token)] - highest) / options.temperature));
  double left = uniform * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order.back();
}

void generate(Replica& replica, std::vector<std::int32_t>& context, const GenerationOptions& options,
              const std::function<void(std::int32_t)>& on_token) {
  ERGON_CHECK(!context.empty(), "generation starts from at least one token");
  if (const int ranks = replica.communicators.cp->size(); ranks > 1)
    throw Error(fmt::format("text grows by a token at a time and cannot be cut over {} context ranks", ranks), "mesh.cp",
                "generate with mesh.cp = 1: a checkpoint of any mesh can be loaded");
  if (!replica.config.model.causal)
    throw Error("a model that sees what comes after a token restores tokens of a text; it was not trained to continue one", "model.causal",
                "generate with a model trained with model.causal = true");
  const auto limit = static_cast<std::size_t>(replica.config.model.sequence);
  for (std::int64_t n = 0; n < options.tokens; ++n) {
    const std::size_t length = std::min(context.size(), limit);
    at::Tensor tokens = at::empty({1, static_cast<std::int64_t>(length)}, at::kLong);
    std::copy(context.end() - static_cast<std::ptrdiff_t>(length), context.end(), tokens.data_ptr<std::int64_t>());
    StepContext step = replica.context(0, 0, /*training=*/false);
    const Arena::Frame frame(replica.scratch);
    const std::int64_t token =
        choose_token(replica.model.next_token_logits(tokens.to(replica.device), step)[0], options, draw(options.seed, n));
    if (token == options.stop_token) return;
    context.push_back(static_cast<std::int32_t>(token));
    on_token(static_cast<std::int32_t>(token));
  }
}

}  // namespace ergon
