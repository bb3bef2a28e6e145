// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/refusals.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "configs/names.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/sequence_layout.hpp"

namespace ergon {
namespace {

struct Breach {
  std::string what, hint;
};

struct Rule {
  const char* key;
  std::optional<Breach> (*check)(const RunConfig& config, int world);
};

std::string at_least_one(const char* key) { return fmt::format("set {} to 1 or more", key); }

std::optional<Breach> axis(std::int64_t size, const char* key) {
  if (size >= 1) return {};
  return Breach{fmt::format("an axis of {} ranks", size), at_least_one(key)};
}

std::optional<Breach> divides_tp(const RunConfig& c, std::int64_t size, const char* what, const char* key) {
  if (size % c.mesh.tp == 0) return {};
  return Breach{fmt::format("{} {} cannot be cut into mesh.tp = {} equal parts", size, what, c.mesh.tp),
                fmt::format("set mesh.tp to a divisor of {}, or {} to a multiple of {}", size, key, c.mesh.tp)};
}

std::int64_t ranks(const MeshSection& m) { return m.dp * m.pp * m.cp * m.tp; }

std::optional<Breach> kv_heads(const RunConfig& c, int) {
  const std::int64_t k = c.model.kv_heads, tp = c.mesh.tp;
  if (k % tp == 0 || tp % k == 0) return {};
  return Breach{fmt::format("{} key/value heads can be neither cut into mesh.tp = {} equal parts nor held by equal groups of ranks", k, tp),
                fmt::format("set mesh.tp to a divisor or a multiple of model.kv_heads = {}", k)};
}

std::optional<Breach> sequence(const RunConfig& c, int) {
  const std::int64_t multiple = sequence_multiple(c.mesh.layout, static_cast<int>(c.mesh.cp));
  if (c.model.sequence % multiple == 0) return {};
  return Breach{fmt::format("a sequence of {} cannot be cut into {} equal parts for mesh.cp = {} and this mesh.layout", c.model.sequence,
                            multiple, c.mesh.cp),
                fmt::format("set model.sequence to a multiple of {}", multiple)};
}

// Of the masks of attention.
std::optional<Breach> window(const RunConfig& c, int) {
  if (c.model.window == 0 || c.model.causal) return {};
  return Breach{
      fmt::format("a window of the last {} tokens, but model.causal = false lets a position see what comes after it", c.model.window),
      "set model.window = 0, or model.causal = true"};
}

std::optional<Breach> masked_tokens(const RunConfig& c, int) {
  if (c.data.mask_fraction == DataSection{}.mask_fraction || !c.model.causal) return {};
  return Breach{fmt::format("a fraction of {} changes nothing with model.causal = true, which learns next tokens", c.data.mask_fraction),
                "leave data.mask_fraction out, or set model.causal = false"};
}

// Context parallelism. Heads are those of one tensor rank.
std::int64_t query_heads(const RunConfig& c) { return c.model.heads / c.mesh.tp; }
std::int64_t key_heads(const RunConfig& c) { return std::max<std::int64_t>(1, c.model.kv_heads / c.mesh.tp); }

std::optional<Breach> head_exchange(const RunConfig& c, int) {
  const std::int64_t ranks = context_sharding(c.mesh).exchanging(), heads = query_heads(c);
  if (ranks <= heads || heads < 1) return {};
  return Breach{fmt::format("{} ranks exchange {} query heads, so some would compute none", ranks, heads),
                c.mesh.attention == AttentionSharding::hybrid
                    ? fmt::format("set mesh.ulysses to {} or less", heads)
                    : std::string("set mesh.attention = \"ring\", or \"hybrid\" with a smaller mesh.ulysses")};
}

// A choice of how to use an axis changes nothing where the axis is one rank: whoever made it is told.
template <typename Choice>
std::optional<Breach> needs_axis(Choice made, Choice otherwise, const char* key, std::int64_t size, const char* axis) {
  if (made == otherwise || size > 1) return {};
  return Breach{fmt::format("\"{}\" changes nothing with {} = 1", choice_name(made), axis),
                fmt::format("leave {} out, or set {} to 2 or more", key, axis)};
}

std::optional<Breach> exchanging_ranks(const RunConfig& c, int) {
  if (c.mesh.attention != AttentionSharding::hybrid || (c.mesh.ulysses >= 1 && c.mesh.cp % c.mesh.ulysses == 0)) return {};
  return Breach{fmt::format("{} context ranks cannot be cut into groups of {} that exchange heads", c.mesh.cp, c.mesh.ulysses),
                fmt::format("set mesh.ulysses to a divisor of mesh.cp = {}", c.mesh.cp)};
}

std::optional<Breach> only_for_hybrid(const RunConfig& c, int) {
  if (c.mesh.ulysses == 1 || c.mesh.attention == AttentionSharding::hybrid) return {};
  return Breach{fmt::format("only mesh.attention = \"hybrid\" cuts the context ranks into groups, here of {}", c.mesh.ulysses),
                "set mesh.ulysses = 1, or mesh.attention = \"hybrid\""};
}

std::optional<Breach> gathered_heads(const RunConfig& c, int) {
  const std::int64_t heads = key_heads(c), stride = c.mesh.gather_heads;
  if (c.mesh.attention != AttentionSharding::gather_kv) {
    if (stride == 1) return {};
    return Breach{fmt::format("only mesh.attention = \"gather_kv\" gathers heads, here {} at a time", stride),
                  "set mesh.gather_heads = 1, or mesh.attention = \"gather_kv\""};
  }
  if (stride >= 1 && heads % stride == 0) return {};
  return Breach{fmt::format("{} key/value heads of a rank cannot be gathered {} at a time", heads, stride),
                fmt::format("set mesh.gather_heads to a divisor of {}", heads)};
}

std::optional<Breach> batch(const RunConfig& c, int) {
  const std::int64_t unit = c.train.microbatch * c.mesh.dp;
  if (c.train.microbatch < 1)
    return Breach{fmt::format("a microbatch of {} sequences", c.train.microbatch), at_least_one("train.microbatch")};
  if (c.train.batch >= unit && c.train.batch % unit == 0) return {};
  const std::int64_t per_rank = c.train.batch / c.mesh.dp,
                     fits = c.train.batch % c.mesh.dp == 0 ? std::gcd(per_rank, c.train.microbatch) : 0;
  std::string hint = fmt::format("set train.batch to a multiple of {}", unit);
  if (fits > 0) hint += fmt::format(", or train.microbatch = {}", fits);
  return Breach{fmt::format("a batch of {} sequences is not train.microbatch = {} x mesh.dp = {} x a whole number of microbatches",
                            c.train.batch, c.train.microbatch, c.mesh.dp),
                hint};
}

std::optional<Breach> world_size(const RunConfig& c, int world) {
  const std::int64_t needed = ranks(c.mesh), replica = needed / c.mesh.dp;
  if (world == 0 || needed == world) return {};
  std::string hint = fmt::format("start {} ranks (mpirun -n {})", needed, needed);
  if (world % replica == 0) hint += fmt::format(", or set mesh.dp = {}", world / replica);
  return Breach{fmt::format("the mesh takes dp {} x pp {} x cp {} x tp {} = {} ranks, but {} were started", c.mesh.dp, c.mesh.pp, c.mesh.cp,
                            c.mesh.tp, needed, world),
                hint};
}

std::optional<Breach> stages(const RunConfig& c, int) {
  const std::int64_t virtual_stages = c.mesh.pp > 1 ? std::max<std::int64_t>(1, c.mesh.virtual_stages) : 1,
                     chunks = c.mesh.pp * virtual_stages;
  if (c.model.layers >= chunks) return {};
  return Breach{fmt::format("{} layers cannot fill {} pipeline chunks (mesh.pp = {} x mesh.virtual_stages = {})", c.model.layers, chunks,
                            c.mesh.pp, virtual_stages),
                fmt::format("set mesh.pp x mesh.virtual_stages to at most model.layers = {}", c.model.layers)};
}

std::optional<Breach> virtual_stages(const RunConfig& c, int) {
  const std::int64_t v = c.mesh.virtual_stages;
  if (v < 1) return Breach{fmt::format("{} chunks a pipeline stage", v), at_least_one("mesh.virtual_stages")};
  if (v == 1) return {};
  if (c.mesh.pp == 1)
    return Breach{fmt::format("{} chunks a stage, but mesh.pp = 1 makes no stages", v),
                  "set mesh.virtual_stages = 1, or mesh.pp to 2 or more"};
  if (c.mesh.schedule == PipelineSchedule::interleaved) return {};
  return Breach{fmt::format("{} chunks a stage need the interleaved schedule", v),
                "set mesh.schedule = \"interleaved\", or mesh.virtual_stages = 1"};
}

// One chunk a stage is dealt as 1F1B deals it.
std::optional<Breach> chunks_to_interleave(const RunConfig& c, int) {
  if (c.mesh.schedule != PipelineSchedule::interleaved || c.mesh.virtual_stages != 1 || c.mesh.pp == 1) return {};
  return Breach{"\"interleaved\" changes nothing with mesh.virtual_stages = 1",
                "leave mesh.schedule out, or set mesh.virtual_stages to 2 or more"};
}

std::optional<Breach> microbatch_groups(const RunConfig& c, int) {
  const std::int64_t unit = c.train.microbatch * c.mesh.dp;
  if (c.mesh.virtual_stages <= 1 || unit < 1 || c.train.batch % unit != 0 || c.train.batch / unit % c.mesh.pp == 0) return {};
  return Breach{fmt::format("the interleaved schedule cannot deal {} microbatches to mesh.pp = {} stages in equal groups",
                            c.train.batch / unit, c.mesh.pp),
                fmt::format("set train.batch to a multiple of {}", unit * c.mesh.pp)};
}

std::optional<Breach> sequence_parallel(const RunConfig& c, int) {
  if (!c.mesh.sequence_parallel) return {};
  if (c.mesh.tp == 1)
    return Breach{"sequence parallelism without tensor ranks", "set mesh.sequence_parallel = false, or mesh.tp to 2 or more"};
  const std::int64_t rows = c.train.microbatch * (c.model.sequence / c.mesh.cp);
  if (rows % c.mesh.tp == 0) return {};
  const std::int64_t fits = std::lcm(sequence_multiple(c.mesh.layout, static_cast<int>(c.mesh.cp)), c.mesh.cp * c.mesh.tp);
  return Breach{
      fmt::format(
          "the {} positions of a microbatch (train.microbatch x model.sequence / mesh.cp) cannot be cut into mesh.tp = {} equal parts",
          rows, c.mesh.tp),
      fmt::format("set mesh.sequence_parallel = false, or model.sequence to a multiple of {}", fits)};
}

std::optional<Breach> owners(const RunConfig& c, int) {
  if (c.mesh.zero == 0 || c.mesh.dp * c.mesh.cp > 1) return {};
  return Breach{fmt::format("ZeRO-{} changes nothing with mesh.dp x mesh.cp = 1", c.mesh.zero),
                "set mesh.zero = 0, or mesh.dp or mesh.cp to 2 or more"};
}

// ZeRO-3 gathers and sends one layer at a time, of whatever size.
std::optional<Breach> bucket(const RunConfig& c, int) {
  if (c.mesh.zero != 3 || c.mesh.bucket == MeshSection{}.bucket) return {};
  return Breach{"ZeRO-3 sends the gradients of a layer as one piece, of no other size", "leave mesh.bucket out, or set mesh.zero = 1"};
}

// What is left to the device's library: sums over tensor ranks, and of gathered keys' gradients. Two terms have one order; of more it may
// be another when there are more data ranks.
std::optional<Breach> deterministic(const RunConfig& c, int) {
  if (!c.run.deterministic || c.run.device == Device::cpu) return {};
  if (c.mesh.tp > 2)
    return Breach{fmt::format("NCCL adds what mesh.tp = {} ranks have in an order of its own", c.mesh.tp),
                  "set mesh.tp to 2 or less, or run.device = \"cpu\", or run.deterministic = false"};
  if (c.mesh.cp > 2 && c.mesh.attention == AttentionSharding::gather_kv)
    return Breach{fmt::format("NCCL adds the gradients of keys that mesh.cp = {} ranks have gathered in an order of its own", c.mesh.cp),
                  "set mesh.attention = \"ring\", or run.device = \"cpu\", or run.deterministic = false"};
  return {};
}

// Sizes first: the rules after them may divide.
constexpr Rule axes[] = {
    {"mesh.dp", [](const RunConfig& c, int) { return axis(c.mesh.dp, "mesh.dp"); }},
    {"mesh.pp", [](const RunConfig& c, int) { return axis(c.mesh.pp, "mesh.pp"); }},
    {"mesh.cp", [](const RunConfig& c, int) { return axis(c.mesh.cp, "mesh.cp"); }},
    {"mesh.tp", [](const RunConfig& c, int) { return axis(c.mesh.tp, "mesh.tp"); }},
};

constexpr Rule rules[] = {
    {"mesh.tp", [](const RunConfig& c, int) { return divides_tp(c, c.model.heads, "attention heads", "model.heads"); }},
    {"mesh.tp", kv_heads},
    {"mesh.tp", [](const RunConfig& c, int) { return divides_tp(c, c.model.ffn_width, "feed-forward columns", "model.ffn_width"); }},
    {"model.sequence", sequence},
    {"model.window", window},
    {"data.mask_fraction", masked_tokens},
    {"train.batch", batch},
    {"mesh.pp", stages},
    {"mesh.virtual_stages", virtual_stages},
    {"mesh.schedule", microbatch_groups},
    {"mesh.attention",
     [](const RunConfig& c, int) { return needs_axis(c.mesh.attention, AttentionSharding::ring, "mesh.attention", c.mesh.cp, "mesh.cp"); }},
    {"mesh.layout",
     [](const RunConfig& c, int) { return needs_axis(c.mesh.layout, SequenceLayout::zigzag, "mesh.layout", c.mesh.cp, "mesh.cp"); }},
    {"mesh.schedule",
     [](const RunConfig& c, int) {
       return needs_axis(c.mesh.schedule, PipelineSchedule::one_f_one_b, "mesh.schedule", c.mesh.pp, "mesh.pp");
     }},
    {"mesh.schedule", chunks_to_interleave},
    {"mesh.attention", head_exchange},
    {"mesh.ulysses", exchanging_ranks},
    {"mesh.ulysses", only_for_hybrid},
    {"mesh.gather_heads", gathered_heads},
    {"mesh.sequence_parallel", sequence_parallel},
    {"mesh.zero", owners},
    {"mesh.bucket", bucket},
    {"run.deterministic", deterministic},
    {"mesh", world_size},
};

template <std::size_t N>
void apply(const Rule (&table)[N], const RunConfig& config, int world, std::vector<Error>& broken) {
  for (const Rule& rule : table)
    if (const auto breach = rule.check(config, world))
      broken.emplace_back(breach->what, rule.key, breach->hint, rule.check == world_size ? ExitCode::world : ExitCode::config);
}

}  // namespace

std::vector<Error> plan_refusals(const RunConfig& config, int world) {
  std::vector<Error> broken;
  apply(axes, config, world, broken);
  if (broken.empty()) apply(rules, config, world, broken);
  return broken;
}

void check_plan(const RunConfig& config, int world) {
  const std::vector<Error> broken = plan_refusals(config, world);
  if (broken.empty()) return;
  if (broken.size() == 1) throw broken[0];
  std::string list;
  for (const Error& error : broken) list += fmt::format("\n  {}", error.what());
  throw Error(fmt::format("this run cannot be planned, for {} reasons:{}", broken.size(), list), "", "", ExitCode::config);
}

std::int64_t accumulation(const RunConfig& config) { return config.train.batch / (config.train.microbatch * config.mesh.dp); }

}  // namespace ergon
