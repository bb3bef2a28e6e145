// SPDX-License-Identifier: Apache-2.0
// `ergon data bigram`: the baseline of validation loss.
#include "trainer/data/bigram.hpp"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {

int command_data_bigram(int argc, char** argv) {
  StoreLine line("ergon data bigram", "cross-entropy of a bigram model of a store: the baseline of validation loss");
  std::int64_t limit = 100'000'000;
  line.option(limit, "--max-tokens", "N", "tokens of the train split that are counted, at most");
  if (!line.parse(argc, argv)) return 0;
  if (limit < 20) throw Error(fmt::format("{} tokens are too few", limit), "--max-tokens", "give at least 20");
  Storage storage(hdf5_helper());
  const BigramResult result = fit_bigram(line.store, storage, {limit});
  if (line.json)
    std::cout << nlohmann::json({{"schema", "ergon.data_bigram.v1"},
                                 {"store", line.store},
                                 {"nats_per_token", result.nats_per_token},
                                 {"unigram_nats_per_token", result.unigram_nats_per_token},
                                 {"k", result.k},
                                 {"distinct_pairs", result.distinct_pairs},
                                 {"train_tokens", result.counted.value},
                                 {"validation_tokens", result.evaluated.value}})
                     .dump(2)
              << std::endl;
  else
    fmt::print(
        "bigram model: {:.4f} nats per token on the validation split ({} labels); unigram {:.4f}; {} pairs of {} tokens counted, k = "
        "{:.4g}\n",
        result.nats_per_token, result.evaluated.value, result.unigram_nats_per_token, result.distinct_pairs, result.counted.value,
        result.k);
  return 0;
}

}  // namespace ergon
