// SPDX-License-Identifier: Apache-2.0
// Byte-pair merging: of all neighbours that a table can merge, those of the lowest rank first, the leftmost among equals, until no two can.
//
// Example: with ab (rank 0) and bc (rank 1), "abcab" becomes ab c ab; with bc at rank 0 and ab at rank 1 it becomes a bc ab.
#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

struct Merge {
  std::uint32_t rank;
  std::int32_t id;  // of the two together
};

class MergeTable {
 public:
  // Ids are not negative. A pair that is there already gets the new merge.
  void add(std::int32_t left, std::int32_t right, Merge merge);
  const Merge* find(std::int32_t left, std::int32_t right) const;  // nullptr: these two stay apart
  std::int64_t count() const { return count_; }

 private:
  static constexpr std::uint64_t empty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t pair = empty;
    Merge merge{};
  };
  std::size_t place(std::uint64_t pair) const;  // of the pair, or where it would go
  std::vector<Slot> slots_;                     // a power of two, at most half full
  std::int64_t count_ = 0;
};

// What the merging of long pieces works in.
struct MergeScratch {
  struct Symbol {
    std::int32_t id, previous, next;  // id -1: merged into the one before
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t left, id;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

// The plain algorithm: n^2, the fastest for a few symbols.
void merge_plainly(const MergeTable& table, std::vector<std::int32_t>& ids);
// The same result in n log n, for pieces up to 2^31 symbols.
void merge_by_heap(const MergeTable& table, std::vector<std::int32_t>& ids, MergeScratch& scratch);
// One of the two, by length.
void merge(const MergeTable& table, std::vector<std::int32_t>& ids, MergeScratch& scratch);

}  // namespace ergon
