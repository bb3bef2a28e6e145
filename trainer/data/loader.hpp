// SPDX-License-Identifier: Apache-2.0
// What the training loop reads: every microbatch of this rank for one step, and the number of labels that count over all ranks.
//
// Samples of a step are numbered 0..batch-1 in the run's order; global microbatch k holds samples [k * B, (k + 1) * B) and runs on data
// rank k mod dp, so any mesh reads the same step. Of the ranks that share a data coordinate one reads (a thread that calls pread and never
// MPI); the others receive by broadcast. The groups are the loader's own, so its operations never take a place in the order of training's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicators.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/data/sample_order.hpp"
#include "trainer/data/step_reader.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {

struct StepBatch {
  std::vector<Batch> microbatches;  // of this rank, in order; tensors are reused by the next call
  std::int64_t valid_tokens = 0;    // labels that count, over all ranks and microbatches of the step
  std::int64_t tokens = 0;          // positions computed by all data ranks: batch x T
  std::optional<PairCount> pairs;   // of a head, over all samples of the step; empty: those of as many whole sequences
  Seconds data_wait{};              // until this rank had its data, of the call that gave it
  DataState after;                  // what a checkpoint after this step holds
};

class Loader {
 public:
  // Collective over the mesh. `source` and the communicators outlive the loader. Throws Error (data.train) when the split has less than one
  // batch, or (data.weights) a source with a weight has no sample.
  Loader(const TokenSource& source, LoaderShape shape, Communicators& communicators, const DataState& state, LabelMask mask = {},
         const MixPlan& plan = {});
  ~Loader();

  // Collective over the mesh. Throws what the reading thread threw, at the latest one step before it matters.
  const StepBatch& next();
  void observe(CommunicationObserver* observer);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The split in its own order, the same first batches at every evaluation; read when asked for. A last partial batch is dropped, unless it
// is the only one: then it is filled with samples whose labels are all ignored.
class EvaluationLoader {
 public:
  // Collective over the mesh. At most `batches` batches; fewer when the split has fewer. Throws Error (data.validation) for a split without
  // a sample.
  EvaluationLoader(const TokenSource& source, LoaderShape shape, Communicators& communicators, std::int64_t batches, LabelMask mask = {});
  ~EvaluationLoader();

  std::int64_t batches() const;
  // Collective over the mesh; 0 <= index < batches(). `after` is not filled.
  const StepBatch& batch(std::int64_t index);
  void observe(CommunicationObserver* observer);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ergon
