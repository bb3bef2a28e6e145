// SPDX-License-Identifier: Apache-2.0
// What a kernel has made of the masks last asked for. Every layer of a microbatch asks for the same ones again: as many as its samples
// times the blocks of a ring, where documents differ. Sixteen are kept whatever their size; more, up to 256, while their rows take no more
// than 32 MiB. A reference is valid until 16 other masks have been asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "parallel/plan/block_mask.hpp"

namespace ergon {

template <class Plan>
class RecentPlans {
 public:
  template <class Make>  // () -> Plan
  const Plan& get(const BlockMask& mask, const Make& make) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->mask == mask) {
        entries_.splice(entries_.begin(), entries_, entry);
        return entries_.front().plan;
      }
    entries_.push_front({mask, make()});
    bytes_ += bytes_of(mask);
    while (entries_.size() > most || (entries_.size() > least && bytes_ > most_bytes)) {
      bytes_ -= bytes_of(entries_.back().mask);
      entries_.pop_back();
    }
    return entries_.front().plan;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  static constexpr std::size_t least = 16, most = 256;
  static constexpr std::int64_t most_bytes = std::int64_t{32} << 20;
  // Of a query its position and what it sees, of a key its position.
  static std::int64_t bytes_of(const BlockMask& mask) { return 8 * (3 * mask.num_queries() + mask.num_keys()); }

  struct Entry {
    BlockMask mask;
    Plan plan;
  };
  std::int64_t bytes_ = 0;
  std::list<Entry> entries_;  // newest first
};

}  // namespace ergon
