// SPDX-License-Identifier: Apache-2.0
// Exact de-duplication of the documents of a spool by the first 128 bits of the SHA-256 of their text. Hashes go to partitions on disk by
// their first bits; each is sorted in memory. The first in input order stays. Two different texts among n are taken for one with a chance
// of n^2 / 2^129: 1e-21 for a billion.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/data/spool.hpp"

namespace ergon {

inline constexpr std::int64_t duplicate_memory = 48 << 20;  // bytes of a partition at most, about

// By document in input order: whether an equal one came before. Memory: a partition and a bit a document.
std::vector<bool> find_duplicates(const Spool& spool, std::int64_t units, std::int64_t documents, Storage& storage,
                                  std::int64_t memory = duplicate_memory);

}  // namespace ergon
