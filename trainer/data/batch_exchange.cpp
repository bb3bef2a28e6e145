// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/batch_exchange.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/sequence_layout.hpp"

namespace ergon {
namespace {

std::unique_ptr<Communicator> split(Communicators& communicators, AxisSet axes, const std::string& name) {
  const auto [color, key] = communicators.mesh.color_key(communicators.world->rank(), axes);
  return communicators.world->split(color, key, name);
}

std::vector<std::int64_t> positions_of_rank(const Communicators& communicators, SequenceLayout layout, std::int64_t sequence) {
  const Mesh& mesh = communicators.mesh;
  std::vector<std::int64_t> positions;
  for (const PositionRun& run :
       owned_positions(layout, sequence, mesh.size(Axis::cp), mesh.coordinate(communicators.world->rank(), Axis::cp)))
    for (std::int64_t i = 0; i < run.length; ++i) positions.push_back(run.start + i * run.stride);
  return positions;
}

}  // namespace

BatchExchange::BatchExchange(Communicators& communicators, const StepReader& reader, LoaderShape shape, std::int64_t sequence)
    : data_(split(communicators, Axis::tp | Axis::cp | Axis::pp, "data")),
      data_dp_(split(communicators, Axis::dp, "data-dp")),
      documents_(shape.objective.documents),
      positions_(positions_of_rank(communicators, shape.layout, sequence)),
      counts_(at::empty({documents_ ? 3 : 1}, at::kLong)) {
  const std::int64_t B = shape.microbatch, T = std::ssize(positions_);
  const at::Tensor positions_BT = at::empty({B, T}, at::kLong);
  for (std::int64_t b = 0; b < B; ++b) std::ranges::copy(positions_, positions_BT.data_ptr<std::int64_t>() + b * T);
  for (std::int64_t a = 0; a < shape.accumulation; ++a) {
    Batch batch;
    batch.tokens_BT = at::empty({B, T}, at::kLong);
    batch.labels_BT = at::empty({B, T}, at::kLong);
    batch.segments_BT = at::empty({B, T}, at::kLong);
    batch.loss_mask_BT = at::empty({B, T}, at::kByte);
    batch.positions_BT = positions_BT;
    if (documents_) batch.documents.positions_BT = at::empty({B, T}, at::kLong);
    batch.first_sample = reader.first_sample(a);
    microbatches_.push_back(batch);
  }
}

void BatchExchange::observe(CommunicationObserver* observer) {
  for (Communicator* group : {data_.get(), data_dp_.get()})
    if (group->size() > 1) group->observe(observer);
}

void BatchExchange::post(const at::Tensor& payload_ABCT, const StepCounts& counts) {
  payload_ = payload_ABCT;
  if (data_->size() > 1) broadcast_ = data_->broadcast(payload_, 0);
  if (!is_reader()) return;
  auto* sums = counts_.data_ptr<std::int64_t>();
  sums[0] = counts.valid;
  ERGON_CHECK(counts.pairs.has_value() == documents_.has_value(), "pairs are counted where documents are kept apart");
  if (counts.pairs) {
    sums[1] = counts.pairs->visible;
    sums[2] = counts.pairs->computed;
  }
  if (data_dp_->size() > 1) reduce_ = data_dp_->all_reduce(counts_);
}

StepCounts BatchExchange::complete() {
  broadcast_.wait();
  reduce_.wait();
  if (data_->size() > 1) data_->broadcast(counts_, 0).wait();
  unpack();
  const auto* sums = counts_.data_ptr<std::int64_t>();
  return {sums[0], documents_ ? std::optional(PairCount{sums[1], sums[2]}) : std::nullopt};
}

void BatchExchange::unpack() {
  const std::int64_t B = payload_.size(1), S = payload_.size(3), T = std::ssize(positions_);
  const auto* in = payload_.data_ptr<std::int32_t>();
  for (Batch& batch : microbatches_) {
    auto* tokens = batch.tokens_BT.data_ptr<std::int64_t>();
    auto* labels = batch.labels_BT.data_ptr<std::int64_t>();
    auto* segments = batch.segments_BT.data_ptr<std::int64_t>();
    auto* mask = batch.loss_mask_BT.data_ptr<std::uint8_t>();
    batch.valid_tokens = 0;
    if (documents_) keep_apart(batch, in);
    for (std::int64_t b = 0; b < B; ++b, in += 3 * S) {
      for (std::int64_t t = 0; t < T; ++t) {
        const std::int64_t i = b * T + t, position = positions_[static_cast<std::size_t>(t)];
        tokens[i] = in[position];
        labels[i] = in[S + position];
        segments[i] = in[2 * S + position];
        mask[i] = labels[i] != ignored_label;
        batch.valid_tokens += mask[i];
      }
    }
  }
}

// A rank has some positions of a sample, and its documents may begin at others.
void BatchExchange::keep_apart(Batch& batch, const std::int32_t* payload_BCT) const {
  const std::int64_t B = payload_.size(1), S = payload_.size(3);
  auto* within = batch.documents.positions_BT.data_ptr<std::int64_t>();
  std::vector<AttentionRule> rules;
  for (std::int64_t b = 0; b < B; ++b) {
    rules.push_back(rule_of_sample(*documents_, {payload_BCT + (3 * b + 2) * S, static_cast<std::size_t>(S)}));
    const std::vector<std::int64_t>& starts = rules.back().document_starts;
    for (const std::int64_t position : positions_) {
      const auto next = std::ranges::upper_bound(starts, position);
      *within++ = position - (next == starts.begin() ? 0 : *(next - 1));
    }
  }
  batch.documents.rules = std::make_shared<const std::vector<AttentionRule>>(std::move(rules));
}

}  // namespace ergon
