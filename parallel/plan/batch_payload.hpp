// SPDX-License-Identifier: Apache-2.0
// How large a sample is on its way from the rank that reads it to those that share its data (laid out in trainer/data/step_payload).
#pragma once

#include <cstdint>

namespace ergon {

// Ids of a vocabulary of up to 65,536 take 2 bytes, of a larger one 4: in token stores as in payloads.
constexpr std::int64_t token_bytes(std::int64_t vocabulary) { return vocabulary <= 65536 ? 2 : 4; }

// Words of 4 bytes: two counts, T + 1 ids, a byte of marks for each of T; ids and marks begin at whole words.
constexpr std::int64_t payload_words(std::int64_t sequence, std::int64_t token_bytes) {
  return 2 + ((sequence + 1) * token_bytes + 3) / 4 + (sequence + 3) / 4;
}

}  // namespace ergon
