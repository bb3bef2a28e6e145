// SPDX-License-Identifier: Apache-2.0
// A file system as POSIX promises it, and no more: what a file holds is on the disk after a sync of the file, which names a folder has
// after a sync of the folder; until then a crash may leave the old, the new, or, of a file, any mixture of old and new pages of 4 KiB. A
// rename is one change of the folder. crash_states() lists what a crash may leave, as trees, which can be put on a real disk.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/fault/recording_storage.hpp"

namespace ergon::test {

// Path below the root -> what the file holds; folders have no text.
using Tree = std::map<std::string, std::optional<std::string>>;

Tree read_tree(const std::string& root);
void write_tree(const Tree& tree, const std::string& root);  // `root` is there and empty
std::string key_of(const Tree& tree);                        // all of it, as one text

class CrashModel {
 public:
  // Everything that is below `root` is on the disk.
  explicit CrashModel(const std::string& root);

  void apply(const Operation& operation);
  Tree now() const;  // what a process sees
  // Each once.
  std::vector<Tree> crash_states() const;

 private:
  // What happens to the unsynced pages of a file.
  enum class Pages { kept, dropped, even, odd, length };  // even: those of even number are kept; length: nothing but the new length is
  struct Node {
    bool folder = false;
    std::string disk, now;                         // of a file
    std::map<std::string, int> disk_names, names;  // of a folder: name -> node
    bool dirty() const { return folder ? disk_names != names : disk != now; }
  };
  struct Fate {
    bool names_kept = true;
    Pages pages = Pages::kept;
    int other = -1;  // one node has the other fate
    bool other_names_kept = true;
    Pages other_pages = Pages::kept;
  };

  int find(const std::string& path) const;
  std::pair<int, std::string> place(const std::string& path) const;  // the folder's node and the last name
  int add(const std::string& path, bool folder);
  std::string left(const Node& node, Pages pages) const;
  void collect(int node, const std::string& path, const Fate& fate, Tree& tree) const;
  std::vector<Fate> fates() const;

  const std::string root_;
  std::vector<Node> nodes_;  // 0: the root
  std::map<int, int> open_;  // descriptor -> node
};

}  // namespace ergon::test
