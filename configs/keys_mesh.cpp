// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

constexpr std::int64_t most_ranks = 1 << 20;

Key order_key() {
  auto at = field(&RunConfig::mesh, &MeshSection::order);
  auto set = [at](RunConfig& config, const Value& value) {
    std::string text = read_text(value);
    std::vector<std::string> axes;
    for (std::size_t begin = 0; begin <= text.size();) {
      std::size_t end = std::min(text.find('-', begin), text.size());
      axes.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    std::sort(axes.begin(), axes.end());
    if (axes != std::vector<std::string>{"cp", "dp", "pp", "tp"})
      refuse_value(value, "tp, cp, dp and pp, each once, joined by '-'", "for instance 'tp-cp-dp-pp'");
    at(config) = text;
  };
  return make_key({"mesh.order", "", OnResume::layout, "leftmost varies fastest over ranks: keep the busiest axis inside a node"}, "text",
                  "tp, cp, dp, pp in any order, joined by '-'", set, [at](const RunConfig& config) { return print_texts({at(config)}); });
}

Key zero_key() {
  auto at = field(&RunConfig::mesh, &MeshSection::zero);
  auto set = [at](RunConfig& config, const Value& value) {
    std::int64_t level = read_integer(value, 0, 3, "0|1|3");
    if (level == 2) refuse_value(value, "a whole number 0|1|3", "1 shards the optimizer state, 3 parameters and gradients too");
    at(config) = level;
  };
  return make_key({"mesh.zero", "", OnResume::layout, "1: shard optimizer state over dp x cp; 3: parameters and gradients too"}, "integer",
                  "0|1|3", set, [at](const RunConfig& config) { return std::to_string(at(config)); });
}

Key bucket_key() {
  auto at = field(&RunConfig::mesh, &MeshSection::bucket);
  return make_key(
      {"mesh.bucket", "", OnResume::layout, "gradients are reduced in pieces of this size; larger for slow networks"}, "bytes", "> 0",
      [at](RunConfig& config, const Value& value) { at(config) = read_bytes(value); },
      [at](const RunConfig& config) { return print_texts({to_text(at(config))}); });
}

}  // namespace

std::vector<Key> keys_mesh() {
  auto at = [](auto member) { return field(&RunConfig::mesh, member); };
  using S = MeshSection;
  using enum OnResume;
  return {
      integer({"mesh.dp", "ranks", layout, "replicas that share the batch"}, at(&S::dp), 1, most_ranks),
      integer({"mesh.pp", "ranks", layout, "stages of layers, for models that outgrow a node"}, at(&S::pp), 1, most_ranks),
      integer({"mesh.cp", "ranks", layout, "parts of a sequence, for long ones"}, at(&S::cp), 1, most_ranks),
      integer({"mesh.tp", "ranks", layout, "shards of every layer; keep it inside a node"}, at(&S::tp), 1, most_ranks),
      order_key(),
      choice({"mesh.attention", "", layout, "how attention is sharded over cp"}, at(&S::attention)),
      choice({"mesh.layout", "", layout, "which tokens a cp rank holds; zigzag and striped balance causal work"}, at(&S::layout)),
      integer({"mesh.ulysses", "ranks", layout, "hybrid: ranks of cp that exchange heads, the others form rings"}, at(&S::ulysses), 1,
              most_ranks),
      integer({"mesh.gather_heads", "heads", layout, "gather_kv: heads gathered at a time; more is faster and takes more memory"},
              at(&S::gather_heads), 1, 1 << 16),
      boolean({"mesh.sequence_parallel", "", layout, "shard norms and residuals over tp as well: saves activation memory"},
              at(&S::sequence_parallel)),
      choice({"mesh.schedule", "", layout, "order of microbatches over pipeline stages"}, at(&S::schedule)),
      integer({"mesh.virtual_stages", "stages", layout, "interleaved: stages of each pp rank"}, at(&S::virtual_stages), 1, 1 << 10),
      zero_key(),
      bucket_key(),
  };
}

}  // namespace ergon
