// SPDX-License-Identifier: Apache-2.0
// A file system as POSIX promises it, and no more: what a file holds is on the disk after a sync of the file, which names a folder has
// after a sync of the folder; until then a crash may leave the old, the new, of a file any mixture of old and new pages of 4 KiB, of a
// folder any of its changes without the others. A rename within a folder is one change. crash_states() lists what a crash may leave, as
// trees, which can be put on a real disk.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/fault/recording_storage.hpp"
#include "tests/fault/tree.hpp"

namespace ergon::test {

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
  enum class Pages { kept, dropped, even, odd, length };    // even: those of even number are kept; length: nothing but the new length is
  using Names = std::map<std::string, int>;                 // name -> node
  using Change = std::vector<std::pair<std::string, int>>;  // of a folder's names; -1: the name goes
  struct Node {
    bool folder = false;
    std::string disk, now;        // of a file
    Names disk_names, names;      // of a folder
    std::vector<Change> changes;  // that lead from disk_names to names
    bool dirty() const { return folder ? disk_names != names : disk != now; }
  };
  struct Fate {
    bool names_kept = true;
    Pages pages = Pages::kept;
    int other = -1;  // one node has the other fate
    bool other_names_kept = true;
    Pages other_pages = Pages::kept;
    int other_change = -1;  // the change of that folder which has the other fate than the rest of its changes
  };

  int find(const std::string& path) const;
  std::pair<int, std::string> place(const std::string& path) const;  // the folder's node and the last name
  int add(const std::string& path, bool folder);
  void change(int folder, Change change);
  std::string left(const Node& node, Pages pages) const;
  Names names_left(const Node& node, bool other, const Fate& fate) const;
  void collect(int node, const std::string& path, const Fate& fate, Tree& tree) const;
  std::vector<Fate> fates() const;

  const std::string root_;
  std::vector<Node> nodes_;  // 0: the root
  std::map<int, int> open_;  // descriptor -> node
};

}  // namespace ergon::test
