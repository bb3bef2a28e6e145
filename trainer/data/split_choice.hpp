// SPDX-License-Identifier: Apache-2.0
// The split of a document as a function of its content: the first 8 bytes of a SHA-256 over it, big-endian, of which the upper 53 bits are
// a place in [0, 1): below `validation` it is validation, below validation + test it is test, else train. So documents added later do not
// move the others, and equal documents never stand in two splits.
#pragma once

#include <array>
#include <cstddef>

#include "configs/sha256.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

struct SplitFractions {
  double validation = 0.01, test = 0;  // of the documents
};

// Throws Error (--valid, --test) for what is no fraction, or leaves nothing to train on.
void check_fractions(const SplitFractions& fractions);

double split_place(const std::array<std::byte, 32>& digest);
double split_place(Sha256& hash);  // ends the hash
Split split_at(double place, const SplitFractions& fractions);

}  // namespace ergon
