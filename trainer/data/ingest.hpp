// SPDX-License-Identifier: Apache-2.0
// The middle of an import: one thread reads the input in units, workers make a spool segment of each. Which worker takes which unit leaves
// no trace in the result. At most a few units are in memory, counted in bytes of text.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/data/documents.hpp"
#include "trainer/data/split_choice.hpp"
#include "trainer/data/spool.hpp"

namespace ergon {

struct ImportProgress {
  const char* phase;  // "train tokenizer", "import", "write"
  Bytes done, total;  // total 0: unknown
  std::int64_t documents = 0, tokens = 0;
};

using ProgressSink = std::function<void(const ImportProgress&)>;

// What becomes of a unit; everything outlives the call of ingest.
struct IngestTask {
  const InputFiles& files;
  const DocumentOptions& documents;
  const Tokenizer& tokenizer;  // encodes from several threads at once
  InvalidUtf8 invalid_utf8 = InvalidUtf8::replace;
  SplitFractions splits;
  int threads = 1;
};

// Counts by unit. Segments that are in the spool already are kept. The Error of the first unit that fails is thrown when the workers have
// stopped; `progress` is called on this thread.
std::vector<SegmentCounts> ingest(UnitReader& reader, const IngestTask& task, const Spool& spool, const ProgressSink& progress = {});

}  // namespace ergon
