// SPDX-License-Identifier: Apache-2.0
#include "accounting/communication_volume.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "accounting/parameter_units.hpp"
#include "configs/dtype_size.hpp"
#include "parallel/plan/attention_traffic.hpp"
#include "parallel/plan/batch_payload.hpp"
#include "parallel/plan/head_partition.hpp"
#include "parallel/plan/refusals.hpp"
#include "parallel/plan/stage_units.hpp"
#include "parallel/plan/zero_buckets.hpp"

namespace ergon {
namespace {

constexpr std::int64_t scalar = 8;               // bytes of a number that ranks agree on
constexpr std::int64_t norm_block = 65536;       // elements whose squares the deterministic mode adds as one
constexpr std::int64_t norm_lanes = 8 * scalar;  // bytes that one owner hands the next of a block between them

class Traffic {
 public:
  Traffic(const RunConfig& config, bool trains)
      : c_(config),
        m_(config.mesh),
        shape_(config.model),
        trains_(trains),
        wire_(bytes_of(config.train.dtype)),
        exact_(accumulator_bytes_of(config.train.dtype)),
        host_(config.run.device == Device::cuda ? "host-" : ""),
        parted_(m_.sequence_parallel && m_.tp > 1),
        chunks_(m_.pp * (m_.pp > 1 ? m_.virtual_stages : 1)),
        microbatches_(accumulation(config)),
        rows_(config.train.microbatch * (shape_.sequence / m_.cp)),
        layer_forwards_(shape_.layers * (trains && config.train.recompute == Recompute::full ? 2 : 1)),
        core_forwards_(shape_.layers * (trains && config.train.recompute >= Recompute::core ? 2 : 1)),
        owners_(m_.dp * m_.cp),
        stage_(owners_ > 1 ? static_cast<ZeroStage>(m_.zero) : ZeroStage::none) {}

  // Of the microbatches of `batches` batches.
  void passes(std::int64_t batches) {
    passes_ = batches * microbatches_;
    this->batches(batches);
    tensor_ranks();
    context_ranks();
    stages();
    for (int stage = 0; stage_ == ZeroStage::parameters && stage < m_.pp; ++stage) weights_of_units(stage);
  }

  void training_sums() {
    key_value_replicas();
    for (int stage = 0; stage < m_.pp; ++stage) gradients(stage);
    if (shape_.tied && m_.pp > 1) tied_table();
    losses(microbatches_);
    norm();
  }

  void weights_of_owners() {
    if (stage_ != ZeroStage::optimizer) return;
    for (int stage = 0; stage < m_.pp; ++stage)
      for (const Bucket& bucket : buckets(stage)) equal_parts("cp-dp", "all_gather", owners_, m_.tp, 1, bucket.range.size() * wire_);
  }

  // The sum of the losses of so many microbatches of a data rank.
  void losses(std::int64_t microbatches) {
    const std::int64_t numbers = c_.run.deterministic ? microbatches * owners_ : 1;
    all_reduce(host_ + "cp-dp", owners_, m_.tp * m_.pp, 1, numbers * scalar);
    all_reduce(host_ + "pp", m_.pp, m_.dp * m_.cp * m_.tp, 1, scalar);
  }

  CommunicationVolumes take() { return std::move(volumes_); }

 private:
  // `times` operations of each of `groups` groups of n ranks.
  void all_reduce(const std::string& group, std::int64_t n, std::int64_t groups, std::int64_t times, std::int64_t size) {
    if (n > 1) book(group, "all_reduce", n * groups * times, groups * times * 2 * (n - 1) * size);
  }
  void equal_parts(const std::string& group, const char* operation, std::int64_t n, std::int64_t groups, std::int64_t times,
                   std::int64_t total) {
    if (n > 1) book(group, operation, n * groups * times, groups * times * (n - 1) * total);
  }
  void book(const std::string& group, const char* operation, std::int64_t calls, std::int64_t bytes) {
    if (calls > 0) add(volumes_, {{group, operation, calls, Bytes{bytes}}});
  }

  // A data coordinate's payload from the rank that reads it, and the count of labels; of pairs too where documents are kept apart.
  void batches(std::int64_t count) {
    const std::int64_t n = m_.tp * m_.cp * m_.pp;
    const std::int64_t sample = 4 * payload_words(shape_.sequence, token_bytes(shape_.vocabulary));
    const std::int64_t payload = microbatches_ * c_.train.microbatch * sample;
    equal_parts("data", "broadcast", n, m_.dp, count, payload);
    const std::int64_t counts = (c_.data.document_mask ? 3 : 1) * scalar;
    equal_parts("data", "broadcast", n, m_.dp, count, counts);
    all_reduce("data-dp", m_.dp, 1, count, counts);
  }

  void tensor_ranks() {
    const std::int64_t n = m_.tp, groups = m_.dp * m_.cp, stream = rows_ * shape_.width * wire_;
    const auto over = [&](const char* operation, std::int64_t times) { equal_parts("tp", operation, n, groups, times * passes_, stream); };
    if (parted_) {
      over("all_gather", 2 * layer_forwards_ + 1);      // the input of both branches; the head
      over("reduce_scatter", 2 * layer_forwards_ + 1);  // the output of both; the embedding
      if (trains_) over("all_gather", 4 * shape_.layers + 2);
      if (trains_) over("reduce_scatter", 2 * shape_.layers + 1);
    } else {
      all_reduce("tp", n, groups, (2 * layer_forwards_ + 1) * passes_, stream);
      if (trains_) all_reduce("tp", n, groups, (2 * shape_.layers + 1) * passes_, stream);
    }
    all_reduce("tp", n, groups, passes_, rows_ * exact_);      // the largest logit of each position
    all_reduce("tp", n, groups, passes_, 2 * rows_ * exact_);  // the sum of exponentials, and the label's logit
  }

  void key_value_replicas() {
    const HeadPartition heads = partition_heads(shape_.heads, shape_.kv_heads, static_cast<int>(m_.tp), 0);
    const std::int64_t columns = 2 * heads.num_kv * shape_.head_width;
    all_reduce("kv_replicas", heads.kv_replicas, m_.dp * m_.cp * (m_.tp / heads.kv_replicas), shape_.layers * microbatches_,
               columns * (shape_.width + (shape_.biases ? 1 : 0)) * exact_);
  }

  // Attention over the parts of a sequence, each call as often as a layer's core is computed, and differentiated.
  void context_ranks() {
    const ContextSharding sharding = context_sharding(m_);
    const AttentionTraffic layer = attention_traffic(sharding, m_.gather_heads, attention_extent(c_));
    const bool apart = sharding.exchanging() > 1 && sharding.ring() > 1;  // groups of their own
    const auto each = [&](const std::vector<AttentionSent>& messages, std::int64_t times) {
      for (const AttentionSent& sent : messages) {
        const bool exchange = sent.operation == std::string_view("all_to_all");
        book(!apart     ? "cp"
             : exchange ? "cp-exchange"
                        : "cp-ring",
             sent.operation, m_.dp * m_.tp * m_.cp * times * sent.calls, m_.dp * m_.tp * times * sent.bytes.value);
      }
    };
    each(layer.forward, core_forwards_ * passes_);
    each(layer.backward, trains_ ? shape_.layers * passes_ : 0);
  }

  // What passes each boundary between chunks, forward and back.
  void stages() {
    const std::int64_t messages = (chunks_ - 1) * passes_ * m_.dp * m_.cp * m_.tp;
    const std::int64_t size = rows_ / (parted_ ? m_.tp : 1) * shape_.width * wire_;
    for (const char* group : {"pp", "pp-gradients"}) {
      book(group, "send", messages, messages * size);
      book(group, "recv", messages, 0);
      if (!trains_) return;
    }
  }

  std::vector<ParameterUnit> units(int stage, int tp_rank = 0) const {
    return parameter_units(shape_, {static_cast<int>(m_.tp), tp_rank}, static_cast<int>(m_.pp), static_cast<int>(chunks_ / m_.pp), stage);
  }
  ZeroBucketRule rule() const { return {stage_, c_.run.deterministic, m_.bucket, exact_}; }
  UnitPlan plan(int stage) const { return stage_units(shape_, static_cast<int>(m_.pp), static_cast<int>(chunks_ / m_.pp), stage); }
  std::int64_t parts() const { return stage_ != ZeroStage::none || c_.run.deterministic ? owners_ : 1; }
  std::vector<ElementRange> ranges(int stage) const { return unit_ranges(units(stage), wire_, static_cast<int>(parts())); }
  std::vector<Bucket> buckets(int stage) const { return zero_buckets(ranges(stage), plan(stage), rule()); }

  // Each unit for its forward and for its backward; the embedding's reads no weights.
  void weights_of_units(int stage) {
    const std::vector<ElementRange> units = ranges(stage);
    const int embedding = stage == 0 ? plan(stage).tables : 0;
    for (int unit = 0; unit < static_cast<int>(units.size()); ++unit) {
      const std::int64_t times = trains_ && unit >= embedding ? 2 : 1;
      equal_parts("cp-dp", "all_gather", owners_, m_.tp, times * passes_, units[static_cast<std::size_t>(unit)].size() * wire_);
    }
  }

  // The first and the last stage add what they have of it; where every microbatch's leaves, owners their parts.
  void tied_table() {
    const std::int64_t whole = partition_vocabulary(shape_.vocabulary, static_cast<int>(m_.tp), 0).rows * shape_.width;
    const std::int64_t own = ranges(0).front().size() / parts();
    all_reduce("embedding", 2, m_.dp * m_.cp * m_.tp, 1, (rule().each_microbatch() ? own : whole) * exact_);
  }

  // Of one stage: over the rows of tensor ranks, then over dp x cp.
  void gradients(int stage) {
    const std::int64_t rounds = rule().each_microbatch() ? microbatches_ : 1;
    if (parted_) partial_sums(stage, rounds);
    for (const Bucket& bucket : buckets(stage)) {
      const std::int64_t size = bucket.range.size() * exact_;
      if (c_.run.deterministic) {
        equal_parts("cp-dp", "all_to_all", owners_, m_.tp, rounds, size);
        if (stage_ == ZeroStage::none) equal_parts("cp-dp", "all_gather", owners_, m_.tp, 1, size);
      } else if (stage_ == ZeroStage::none) {
        all_reduce("cp-dp", owners_, m_.tp, 1, size);
      } else {
        equal_parts("cp-dp", "reduce_scatter", owners_, m_.tp, rounds, size);
      }
    }
  }

  void partial_sums(int stage, std::int64_t times) {
    for (const ParameterUnit& unit : units(stage)) {
      std::int64_t elements = 0;
      for (const UnitParameter& parameter : unit) elements += parameter.over_rows ? parameter.elements : 0;
      if (elements > 0) all_reduce("tp", m_.tp, m_.dp * m_.cp, times, elements * exact_);
    }
  }

  void norm() {
    if (stage_ != ZeroStage::none) {
      for (int stage = 0; stage < m_.pp; ++stage)
        for (int rank = 0; rank < m_.tp; ++rank) norm_of_owners(stage, rank);
    }
    all_reduce(host_ + "tp", m_.tp, m_.dp * m_.cp * m_.pp, 1, scalar);
    all_reduce(host_ + "pp", m_.pp, m_.dp * m_.cp * m_.tp, 1, scalar);
  }

  void norm_of_owners(int stage, int tp_rank) {
    const std::string group = host_ + "cp-dp";
    if (!c_.run.deterministic) return all_reduce(group, owners_, 1, 1, scalar);
    std::int64_t blocks = 0;
    for (const ParameterUnit& unit : units(stage, tp_rank))
      for (const UnitParameter& parameter : unit) blocks += (parameter.counted + norm_block - 1) / norm_block;
    const std::int64_t handed_on = owners_ - 1;
    book(group, "send", handed_on, handed_on * std::ssize(buckets(stage)) * norm_lanes);
    book(group, "recv", handed_on, 0);
    all_reduce(group, owners_, 1, 1, blocks * scalar);
  }

  const RunConfig& c_;
  const MeshSection& m_;
  const ModelShape& shape_;
  bool trains_;
  std::int64_t wire_, exact_;  // bytes of a number as it is computed with, and as it is added up
  std::string host_;           // what groups of host tensors are called where others are on a device
  bool parted_;                // sequence parallelism
  std::int64_t chunks_, microbatches_, rows_, layer_forwards_, core_forwards_, owners_, passes_ = 0;
  ZeroStage stage_;
  CommunicationVolumes volumes_;
};

}  // namespace

void add(CommunicationVolumes& sum, const CommunicationVolumes& more, std::int64_t times) {
  if (times == 0) return;
  for (CommunicationVolume volume : more) {
    volume.calls *= times;
    volume.bytes = volume.bytes * times;
    const auto place = std::lower_bound(sum.begin(), sum.end(), volume, [](const auto& a, const auto& b) {
      return std::tie(a.group, a.operation) < std::tie(b.group, b.operation);
    });
    if (place == sum.end() || place->group != volume.group || place->operation != volume.operation) {
      sum.insert(place, volume);
    } else {
      place->calls += volume.calls;
      place->bytes += volume.bytes;
    }
  }
}

CommunicationVolumes step_volumes(const RunConfig& config, StepUpdate update) {
  Traffic traffic(config, true);
  traffic.passes(1);
  traffic.training_sums();
  if (update == StepUpdate::done) traffic.weights_of_owners();
  return traffic.take();
}

CommunicationVolumes evaluation_volumes(const RunConfig& config, std::int64_t batches) {
  Traffic traffic(config, false);
  traffic.passes(batches);
  traffic.losses(batches * accumulation(config));
  return traffic.take();
}

std::string axes_of_group(const std::string& group) {
  constexpr std::pair<const char*, const char*> axes[] = {
      {"tp", "tp"},         {"kv_replicas", "tp"}, {"cp", "cp"},           {"cp-ring", "cp"},   {"cp-exchange", "cp"},
      {"cp-dp", "cp-dp"},   {"pp", "pp"},          {"pp-gradients", "pp"}, {"embedding", "pp"}, {"data-dp", "dp"},
      {"data", "tp-cp-pp"}, {"control", "all"},    {"world", "all"}};
  const std::string host = "host-", name = group.starts_with(host) ? group.substr(host.size()) : group;
  for (const auto& [of, set] : axes)
    if (name == of) return set;
  return "";
}

std::string why_not_predicted(const std::string& group) {
  if (group == "control") return "what ranks agree on, ledger sums and checkpoint texts: as long as what they say";
  return axes_of_group(group).empty() ? "no formula knows this group" : "";
}

}  // namespace ergon
