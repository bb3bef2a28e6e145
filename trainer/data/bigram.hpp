// SPDX-License-Identifier: Apache-2.0
// The baseline a language model must beat: cross-entropy of a bigram model, in nats per token, of the same labels that evaluation looks at.
//
//   p(b | a) = (c(a, b) + k u(b)) / (c(a) + k),   u(b) = (c(b) + 1) / (n + V)
//
// c counts pairs (pairs across documents too, as training sees them) and tokens in the train split, n tokens, V vocabulary; k, the weight
// of the unigram u, is the one of a geometric grid that is best for the last tenth of the train split when the first nine tenths are
// counted; then all of it is counted.
#pragma once

#include <cstdint>

#include "configs/quantities.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

struct BigramResult {
  double nats_per_token = 0;          // on the validation split
  double unigram_nats_per_token = 0;  // of u alone
  double k = 0;
  std::int64_t distinct_pairs = 0;
  Tokens counted{}, evaluated{};  // labels
};

// `limit`: at most so many tokens of the train split are counted, from its start. Throws Error (ExitCode::data) for a split that is too
// short.
BigramResult fit_bigram(const std::string& path, Storage& storage, Tokens limit = {100'000'000});

}  // namespace ergon
