// SPDX-License-Identifier: Apache-2.0
// What [data] of a run file says: which stores are read, in which proportion, and how their documents become samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

enum class DocumentPacking { stream, best_fit };  // documents laid end to end and cut; documents placed whole where they fit best

// From this step on (counted from 0) the sources are mixed by these weights.
struct MixStage {
  std::int64_t from_step = 0;
  std::vector<std::int64_t> weights;  // one a source, an integer ratio

  bool operator==(const MixStage&) const = default;
};

// Samples [begin, end) of the run's order that are never trained on.
struct SkipRange {
  std::int64_t begin = 0, end = 0;

  bool operator==(const SkipRange&) const = default;
};

struct DataSection {
  std::vector<std::string> train;       // token stores and dataset files
  std::vector<std::int64_t> weights;    // of the entries of train, an integer ratio; empty: every sample once an epoch
  std::vector<MixStage> curriculum;     // later weights, by step, ascending
  std::vector<std::string> validation;  // empty: the training stores; the split decides which documents are read
  DocumentPacking packing = DocumentPacking::stream;
  std::string packing_table;    // of best_fit
  bool document_mask = false;   // attention, positions and labels end with a document
  double mask_fraction = 0.15;  // of the tokens that a model without a causal mask has to restore
  std::vector<SkipRange> skip;
  std::int64_t prefetch = 2;  // steps read ahead

  bool operator==(const DataSection&) const = default;
};

}  // namespace ergon
