// SPDX-License-Identifier: Apache-2.0
// Plans of the (sequence, rule) last asked for. Every layer and microbatch asks for the same few, and kernels keep what they derive from a
// mask, so a mask is made once and stays where it is. A reference is valid until 16 others have been asked for.
#pragma once

#include <cstdint>
#include <list>

#include "parallel/plan/context_blocks.hpp"

namespace ergon {

template <class Plan>
class PlansByRule {
 public:
  template <class Make>  // () -> Plan
  const Plan& get(std::int64_t sequence, const AttentionRule& rule, const Make& make) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->sequence == sequence && entry->rule == rule) {
        entries_.splice(entries_.begin(), entries_, entry);
        return entries_.front().plan;
      }
    entries_.push_front({sequence, rule, make()});
    if (entries_.size() > kept) entries_.pop_back();
    return entries_.front().plan;
  }

 private:
  static constexpr std::size_t kept = 16;
  struct Entry {
    std::int64_t sequence;
    AttentionRule rule;
    Plan plan;
  };
  std::list<Entry> entries_;  // newest first
};

}  // namespace ergon
