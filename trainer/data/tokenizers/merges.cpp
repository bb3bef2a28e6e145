// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/merges.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::size_t few = 48;  // symbols up to which scanning is faster than a heap

std::uint64_t key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

// For std::push_heap, which keeps the largest in front.
bool later(const MergeScratch::Candidate& a, const MergeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
}

}  // namespace

std::size_t MergeTable::place(std::uint64_t pair) const {
  std::uint64_t hash = pair * 0x9E3779B97F4A7C15;
  hash ^= hash >> 32;
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].pair != pair && slots_[at].pair != empty) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void MergeTable::add(std::int32_t left, std::int32_t right, Merge merge) {
  if (2 * static_cast<std::size_t>(count_ + 1) > slots_.size()) {
    std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.pair != empty) slots_[place(slot.pair)] = slot;
  }
  Slot& slot = slots_[place(key(left, right))];
  count_ += slot.pair == empty;
  slot = {key(left, right), merge};
}

const Merge* MergeTable::find(std::int32_t left, std::int32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[place(key(left, right))];
  return slot.pair == empty ? nullptr : &slot.merge;
}

void merge_plainly(const MergeTable& table, std::vector<std::int32_t>& ids) {
  constexpr std::size_t stack_size = few + 1;
  const Merge* kept[stack_size];
  std::vector<const Merge*> many;
  const Merge** merges = kept;
  if (ids.size() > stack_size) {
    many.resize(ids.size());
    merges = many.data();
  }
  std::size_t size = ids.size();
  // merges[i]: of ids[i] and ids[i + 1].
  for (std::size_t i = 0; i + 1 < size; ++i) merges[i] = table.find(ids[i], ids[i + 1]);
  while (size > 1) {
    std::size_t best = size;
    for (std::size_t i = 0; i + 1 < size; ++i)
      if (merges[i] != nullptr && (best == size || merges[i]->rank < merges[best]->rank)) best = i;
    if (best == size) break;
    ids[best] = merges[best]->id;
    std::copy(ids.begin() + static_cast<std::ptrdiff_t>(best) + 2, ids.begin() + static_cast<std::ptrdiff_t>(size),
              ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    --size;
    if (best + 1 < size) std::copy(merges + best + 2, merges + size, merges + best + 1);
    if (best + 1 < size) merges[best] = table.find(ids[best], ids[best + 1]);
    if (best > 0) merges[best - 1] = table.find(ids[best - 1], ids[best]);
  }
  ids.resize(size);
}

void merge_by_heap(const MergeTable& table, std::vector<std::int32_t>& ids, MergeScratch& scratch) {
  ERGON_CHECK(ids.size() < INT32_MAX, "{} symbols", ids.size());
  auto& [symbols, heap] = scratch;
  const auto count = static_cast<std::int32_t>(ids.size());
  const auto at = [&](std::int32_t i) -> MergeScratch::Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto propose = [&](std::int32_t left, std::int32_t right) {
    if (const Merge* found = table.find(at(left).id, at(right).id)) heap.push_back({found->rank, left, found->id});
  };
  symbols.clear();
  heap.clear();
  for (std::int32_t i = 0; i < count; ++i) symbols.push_back({ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
  for (std::int32_t i = 0; i + 1 < count; ++i) propose(i, i + 1);
  std::ranges::make_heap(heap, later);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, later);
    const MergeScratch::Candidate best = heap.back();
    heap.pop_back();
    MergeScratch::Symbol& left = at(best.left);
    if (left.id < 0 || left.next < 0) continue;
    MergeScratch::Symbol& right = at(left.next);
    // The neighbours have changed since this was proposed.
    const Merge* still = table.find(left.id, right.id);
    if (still == nullptr || still->id != best.id || still->rank != best.rank) continue;
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    const std::int32_t here = best.left;
    for (const auto& [one, other] : {std::pair{left.previous, here}, std::pair{here, left.next}}) {
      if (one < 0 || other < 0) continue;
      if (other == left.next) at(other).previous = here;
      const std::size_t before = heap.size();
      propose(one, other);
      if (heap.size() > before) std::ranges::push_heap(heap, later);
    }
  }
  ids.clear();
  for (const MergeScratch::Symbol& symbol : symbols)
    if (symbol.id >= 0) ids.push_back(symbol.id);
}

void merge(const MergeTable& table, std::vector<std::int32_t>& ids, MergeScratch& scratch) {
  if (ids.size() <= few)
    merge_plainly(table, ids);
  else
    merge_by_heap(table, ids, scratch);
}

}  // namespace ergon
