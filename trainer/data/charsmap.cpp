// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/charsmap.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr int most_entries = 32;       // kMaxTrieResultsSize of SentencePiece
constexpr std::uint32_t bytes = 256;   // that may follow
constexpr int unseen = -1, open = -2;  // beside how many entries a text may meet behind a node

[[noreturn]] void refuse(const char* what) {
  throw Error(fmt::format("the table of the SentencePiece model by which text is normalized {}", what), "tokenizer sentencepiece",
              "the model is damaged: get it anew", ExitCode::data);
}

class Trie {
 public:
  Trie(std::string_view units, std::string_view texts) : units_(units.size() / sizeof(std::uint32_t)), texts_(texts.size()) {
    std::memcpy(units_.data(), units.data(), units_.size() * sizeof(std::uint32_t));
    entries_.assign(units_.size(), unseen);
  }

  void check() {
    const std::uint32_t root = offset(units_[0]);
    check_place(root);
    enter(root, 0);
    while (!path_.empty()) {
      Node& node = path_.back();
      if (node.next == bytes)
        leave();
      else if (const std::uint32_t at = node.base ^ node.next, byte = node.next++; label(units_[at]) == byte)
        follow(at);
    }
  }

 private:
  // Where text may go on, byte by byte.
  struct Node {
    std::uint32_t base = 0, next = 0;  // next: byte that is looked at next
    int entries = 0;                   // that a text may meet behind it, as far as is known
    int own = 0;                       // 1: an entry ends at it
  };

  static std::uint32_t label(std::uint32_t unit) { return unit & (1U << 31 | 0xFF); }
  static std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
  static bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
  static std::uint32_t value(std::uint32_t unit) { return unit & ~(1U << 31); }

  // Along unit `at`, which has the label looked for.
  void follow(std::uint32_t at) {
    const std::uint32_t base = at ^ offset(units_[at]);
    const int own = has_leaf(units_[at]) ? 1 : 0;
    check_place(base);
    if (own != 0 && value(units_[base]) >= texts_) refuse("names a text that it does not have");
    if (entries_[base] == open) refuse("leads in a circle");
    if (entries_[base] == unseen)
      enter(base, own);
    else
      meet(entries_[base] + own);
  }
  void check_place(std::uint32_t base) const {
    if ((base | (bytes - 1)) >= units_.size()) refuse("leads out of itself");
  }
  void enter(std::uint32_t base, int own) {
    entries_[base] = open;
    path_.push_back({base, 0, 0, own});
  }
  void leave() {
    const Node done = path_.back();
    path_.pop_back();
    entries_[done.base] = done.entries;
    if (!path_.empty()) meet(done.entries + done.own);
  }
  void meet(int entries) {
    if (entries > most_entries) refuse("has more than 32 entries for the beginnings of one text");
    path_.back().entries = std::max(path_.back().entries, entries);
  }

  std::vector<std::uint32_t> units_;
  std::size_t texts_;  // bytes
  std::vector<int> entries_;
  std::vector<Node> path_;
};

}  // namespace

void check_charsmap(std::string_view table) {
  if (table.empty()) return;
  std::uint32_t size = 0;
  if (table.size() < sizeof size) refuse("ends too early");
  std::memcpy(&size, table.data(), sizeof size);
  table.remove_prefix(sizeof size);
  if (size >= table.size() || size % sizeof(std::uint32_t) != 0 || size < bytes * sizeof(std::uint32_t)) refuse("ends too early");
  if (table.back() != '\0') refuse("has a text without an end");
  Trie(table.substr(0, size), table.substr(size)).check();
}

}  // namespace ergon
