// SPDX-License-Identifier: Apache-2.0
// Plans of the calls last made, by the length of the sequence and the rules of the samples. Every layer of a microbatch asks for the same
// ones, and kernels keep what they derive from a mask, so a mask is made once and stays where it is. A reference is valid until 16 others
// have been asked for; where rules change with every step, those of older steps go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "parallel/plan/context_blocks.hpp"

namespace ergon {

template <class Plan>
class PlansByRule {
 public:
  // By rule.
  template <class Make>  // (const AttentionRule&) -> Plan
  const std::vector<Plan>& get(std::int64_t sequence, std::span<const AttentionRule> rules, const Make& make) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->sequence == sequence && std::ranges::equal(entry->rules, rules)) {
        entries_.splice(entries_.begin(), entries_, entry);
        return entries_.front().plans;
      }
    Entry made{sequence, {rules.begin(), rules.end()}, {}};
    for (const AttentionRule& rule : rules) made.plans.push_back(make(rule));
    entries_.push_front(std::move(made));
    if (entries_.size() > kept) entries_.pop_back();
    return entries_.front().plans;
  }

 private:
  static constexpr std::size_t kept = 16;
  struct Entry {
    std::int64_t sequence;
    std::vector<AttentionRule> rules;
    std::vector<Plan> plans;
  };
  std::list<Entry> entries_;  // newest first
};

}  // namespace ergon
