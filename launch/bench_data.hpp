// SPDX-License-Identifier: Apache-2.0
// What `ergon bench data` measures: samples of token stores read in a run's order, against plain pread of the same windows, in turn.
//
// Apart are the first touch, where every block is read whole, checked and then used, and the steady state, where a window is one pread. The
// loader is the whole way to the tensors of a step: order, reading thread, labels, batches.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "trainer/hdf5_contents.hpp"

namespace ergon {

struct DataJob {
  std::vector<std::string> stores;
  std::int64_t sequence = 1024, samples = 20'000;  // samples: of the run's order, at most an epoch
  std::int64_t batch = 64, rounds = 5;
  bool cold = false;  // the page cache is emptied before the first touch and before its baseline
};

// Schema ergon.bench.v1. Throws what opening the stores throws, and Error for one that has fewer samples than a batch.
nlohmann::json bench_data(const DataJob& job, const InspectHdf5& inspect);
std::string data_text(const nlohmann::json& result);

}  // namespace ergon
