// SPDX-License-Identifier: Apache-2.0
// What becomes of the stretches that a pattern matches, and of those between them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace ergon {

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// "Removed", "MergedWithNext" as tokenizer.json has them; nothing for another word.
std::optional<SplitBehavior> split_behavior(const std::string& name);

// Takes the stretches of a text in order, matches and what is between, and gives out the pieces.
//
// Example: "a,,b" cut at commas gives isolated: a | , | , | b; removed: a | b; merged_with_previous: a, | , | b; merged_with_next:
// a | , | ,b; contiguous: a | ,, | b.
class Splitter {
 public:
  using Sink = std::function<void(std::size_t begin, std::size_t end)>;
  Splitter(SplitBehavior behavior, const Sink& sink) : behavior_(behavior), sink_(sink) {}
  void add(std::size_t begin, std::size_t end, bool match);  // end > begin
  void finish();

 private:
  SplitBehavior behavior_;
  const Sink& sink_;
  std::size_t begin_ = 0, end_ = 0;  // held back; empty: nothing is
  bool match_ = false;               // what the last stretch was
};

}  // namespace ergon
