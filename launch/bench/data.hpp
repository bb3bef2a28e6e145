// SPDX-License-Identifier: Apache-2.0
// What `ergon bench data` measures: samples of token stores read in a run's order, against plain pread of the same windows; one reading
// thread each, in turn, from the same page cache.
//
// Apart are the first touch, where every block is read whole, checked and then used, and the steady state, where a window is one pread.
// The loader is the whole way to the tensors of a step; what of it a training thread sees is measured beside steps of a small model.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "trainer/hdf5_contents.hpp"

namespace ergon {

struct DataJob {
  std::vector<std::string> stores;                  // none: a generated one, in `folder`, gone afterwards
  std::int64_t sequence = 1024, samples = 100'000;  // samples: of the run's order, at most an epoch
  std::int64_t batch = 64, rounds = 5;
  std::int64_t threads = 1, model_batch = 2;  // of the model's steps
  std::int64_t generated = 128'000'000;       // tokens, 2 bytes each
  std::string folder = ".";
  bool cold = false;  // the page cache is emptied before the first touch and before its baseline
};

// Seconds are of all samples, one entry a round.
struct DataFigures {
  std::vector<double> first_plain, first;         // pread of the windows, and the samples whose blocks nobody has touched
  std::vector<double> plain, steady, loader;      // the same windows, touched: pread; tokens and documents; tensors of all steps
  std::vector<double> labels, order, tensors;     // parts of the loader alone: tokens to payloads; which samples; payloads to tensors
  std::vector<double> step, seen;                 // of the model: a step, and what its thread sees of the loader in it
  std::int64_t first_bytes = 0, early_bytes = 0;  // read on first touch, by all samples and by the first hundredth
  std::int64_t samples = 0, early = 0, used = 0;  // used: bytes of one sample
  std::int64_t model_tokens = 0;                  // of a step of the model
};

// Throws what opening the stores throws, and Error for stores that have fewer samples than a batch.
DataFigures measure_data(const DataJob& job, const InspectHdf5& inspect);

// Schema ergon.bench.v1. A row that has a floor says what it is and whether it is held.
nlohmann::json data_result(const DataJob& job, const DataFigures& figures);
std::string data_text(const nlohmann::json& result);

}  // namespace ergon
