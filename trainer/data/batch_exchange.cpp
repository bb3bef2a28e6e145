// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/batch_exchange.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/sequence_layout.hpp"
#include "trainer/data/widen_ids.hpp"

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

void number_documents(const ReadPayloadRow& row, std::span<std::int32_t> segments) {
  std::int32_t segment = 0;
  for (std::size_t t = 0; t < segments.size(); ++t) segments[t] = segment += row.has_marks() ? row.marks[t] / document_begins : 0;
}

}  // namespace

BatchExchange::BatchExchange(Communicators& communicators, const StepReader& reader, LoaderShape shape, std::int64_t sequence)
    : data_(split(communicators, Axis::tp | Axis::cp | Axis::pp, "data")),
      data_dp_(split(communicators, Axis::dp, "data-dp")),
      sequence_(sequence),
      token_bytes_(shape.token_bytes),
      documents_(shape.objective.documents),
      masked_(shape.objective.masked),
      positions_(positions_of_rank(communicators, shape.layout, sequence)),
      counts_(at::empty({documents_ ? 3 : 1}, at::kLong)) {
  const std::int64_t B = shape.microbatch, T = std::ssize(positions_);
  const at::Tensor positions_BT = at::empty({B, T}, at::kLong);
  for (std::int64_t b = 0; b < B; ++b) std::ranges::copy(positions_, positions_BT.data_ptr<std::int64_t>() + b * T);
  for (std::int64_t a = 0; a < shape.accumulation; ++a) {
    Batch batch;
    batch.tokens_BT = at::empty({B, T}, at::kLong);
    batch.labels_BT = at::empty({B, T}, at::kLong);
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

void BatchExchange::post(const at::Tensor& payload_ABW, const StepCounts& counts) {
  payload_ = payload_ABW;
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
  const std::int64_t B = payload_.size(1), T = std::ssize(positions_);
  const auto* in = payload_.data_ptr<std::int32_t>();
  const auto scratch_size = T == sequence_ ? 0 : static_cast<std::size_t>(sequence_);
  std::vector<std::int64_t> whole(2 * scratch_size);
  const Rows scratch{whole.data(), whole.data() + scratch_size};
  for (Batch& batch : microbatches_) {
    Rows rows{batch.tokens_BT.data_ptr<std::int64_t>(), batch.labels_BT.data_ptr<std::int64_t>()};
    batch.valid_tokens = 0;
    if (documents_) keep_apart(batch, in);
    for (std::int64_t b = 0; b < B; ++b, in += payload_words(sequence_, token_bytes_)) {
      const ReadPayloadRow row(in, sequence_, token_bytes_);
      unpack(row, T == sequence_ ? rows : scratch);
      batch.valid_tokens += T == sequence_ ? row.valid : take_positions(scratch, rows);
      rows = {rows.tokens + T, rows.labels + T};
    }
  }
}

void BatchExchange::unpack(const ReadPayloadRow& row, const Rows& rows) const {
  const auto width = static_cast<std::size_t>(token_bytes_);
  const auto inputs = row.ids.first(row.ids.size() - width);
  widen_ids(inputs, token_bytes_, rows.tokens);
  widen_ids(masked_ ? inputs : row.ids.subspan(width), token_bytes_, rows.labels);
  const bool all = row.valid == sequence_;
  if (all && !masked_) return;
  for (std::size_t t = 0; t < row.marks.size(); ++t) {
    const bool counts = all || (row.marks[t] & label_counts) != 0;
    if (!counts) rows.labels[t] = ignored_label;
    if (counts && masked_) rows.tokens[t] = masked_->token;
  }
}

std::int64_t BatchExchange::take_positions(const Rows& whole, const Rows& rows) const {
  std::int64_t valid = 0;
  for (std::size_t t = 0; t < positions_.size(); ++t) {
    const std::int64_t position = positions_[t];
    rows.tokens[t] = whole.tokens[position];
    rows.labels[t] = whole.labels[position];
    valid += rows.labels[t] != ignored_label;
  }
  return valid;
}

// A rank has some positions of a sample, and its documents may begin at others.
void BatchExchange::keep_apart(Batch& batch, const std::int32_t* payload_BW) const {
  auto* within = batch.documents.positions_BT.data_ptr<std::int64_t>();
  std::vector<AttentionRule> rules;
  std::vector<std::int32_t> segments(static_cast<std::size_t>(sequence_));
  for (std::int64_t b = 0; b < payload_.size(1); ++b) {
    const ReadPayloadRow row(payload_BW + b * payload_words(sequence_, token_bytes_), sequence_, token_bytes_);
    number_documents(row, segments);
    rules.push_back(rule_of_sample(*documents_, segments));
    const std::vector<std::int64_t>& starts = rules.back().document_starts;
    for (const std::int64_t position : positions_) {
      const auto next = std::ranges::upper_bound(starts, position);
      *within++ = position - (next == starts.begin() ? 0 : *(next - 1));
    }
  }
  batch.documents.rules = std::make_shared<const std::vector<AttentionRule>>(std::move(rules));
}

}  // namespace ergon
