// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/split_behavior.hpp"

namespace ergon {

std::optional<SplitBehavior> split_behavior(const std::string& name) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  return std::nullopt;
}

void Splitter::add(std::size_t begin, std::size_t end, bool match) {
  const bool held = end_ > begin_;
  bool joins = false;
  switch (behavior_) {
    case SplitBehavior::removed:
      if (!match) sink_(begin, end);
      return;
    case SplitBehavior::isolated:
      return sink_(begin, end);
    case SplitBehavior::merged_with_previous:
      joins = match && !match_;
      break;
    case SplitBehavior::merged_with_next:
      joins = !match && match_;
      break;
    case SplitBehavior::contiguous:
      joins = match == match_;
      break;
  }
  if (!joins || !held) {
    finish();
    begin_ = begin;
  }
  end_ = end;
  match_ = match;
}

void Splitter::finish() {
  if (end_ > begin_) sink_(begin_, end_);
  begin_ = end_ = 0;
}

}  // namespace ergon
