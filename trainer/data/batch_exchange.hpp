// SPDX-License-Identifier: Apache-2.0
// Brings the payload of a step from the rank that read it to the ranks that share its data coordinate, counts the labels of all data ranks
// (and the pairs of attention, where they depend on the data), and lays both out as batches. Main thread only.
//
// Two groups of its own: `data` (one data coordinate; its member 0 reads) and `data-dp` (readers reduce their counts over it). Every rank
// calls post and complete in turn, so the groups' order is fixed. Context ranks receive whole
// sequences and lay out the positions they own, in the order of the run's layout: tokens, labels (shifted before) and positions
// alike, here and nowhere else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "parallel/communicators.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/data/step_reader.hpp"

namespace ergon {

class BatchExchange {
 public:
  // Collective over the mesh. Throws Error (model.sequence) for a sequence that the layout cannot cut over cp.
  BatchExchange(Communicators& communicators, const StepReader& reader, LoaderShape shape, std::int64_t sequence);

  bool is_reader() const { return data_->rank() == 0; }
  // Starts bringing a step: `payload_ABW` holds it on the reader (with `counts` of it) and receives it elsewhere; it must live until
  // complete().
  void post(const at::Tensor& payload_ABW, const StepCounts& counts);
  // Finishes it. Returns the counts of all data ranks together.
  StepCounts complete();
  // The microbatches of the step that was completed last; tensors are reused by the next complete().
  const std::vector<Batch>& microbatches() const { return microbatches_; }
  void observe(CommunicationObserver* observer);

 private:
  // A whole sample as the batch has it; or of one, this rank's positions.
  struct Rows {
    std::int64_t *tokens, *labels;
  };
  void unpack();
  void unpack(const ReadPayloadRow& row, const Rows& rows) const;
  std::int64_t take_positions(const Rows& whole, const Rows& rows) const;
  // Reads the documents of a microbatch from whole samples.
  void keep_apart(Batch& batch, const std::int32_t* payload_BW) const;

  std::unique_ptr<Communicator> data_, data_dp_;
  const std::int64_t sequence_, token_bytes_;  // token_bytes: of an id in a payload
  std::optional<DocumentsApart> documents_;
  std::optional<MaskedTokens> masked_;
  std::vector<std::int64_t> positions_;  // of this rank's rows
  at::Tensor payload_, counts_;
  Work broadcast_, reduce_;
  std::vector<Batch> microbatches_;
};

}  // namespace ergon
