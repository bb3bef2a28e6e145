// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/crash_model.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

namespace {

constexpr std::size_t page = 4096;

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

CrashModel::CrashModel(const std::string& root) : root_(root) {
  nodes_.push_back({true, {}, {}, {}, {}, {}});
  for (const auto& [name, text] : read_tree(root)) {
    Node& node = nodes_[static_cast<std::size_t>(add(root + "/" + name, !text))];
    if (text) node.disk = node.now = *text;
  }
  for (Node& node : nodes_) {
    node.disk_names = node.names;
    node.changes.clear();
  }
}

int CrashModel::find(const std::string& path) const {
  ERGON_CHECK(path.rfind(root_, 0) == 0, "{} is not below {}", path, root_);
  int node = 0;
  for (const std::string& part : components(path.substr(root_.size()))) {
    const auto& names = nodes_[static_cast<std::size_t>(node)].names;
    const auto found = names.find(part);
    if (found == names.end()) return -1;
    node = found->second;
  }
  return node;
}

std::pair<int, std::string> CrashModel::place(const std::string& path) const {
  const auto slash = path.find_last_of('/');
  const int folder = find(path.substr(0, slash));
  ERGON_CHECK(folder >= 0, "the folder of {} is not there", path);
  return {folder, path.substr(slash + 1)};
}

int CrashModel::add(const std::string& path, bool folder) {
  const auto [parent, name] = place(path);
  const int number = static_cast<int>(nodes_.size());
  nodes_.push_back({folder, {}, {}, {}, {}, {}});
  change(parent, {{name, number}});
  return number;
}

namespace {

void apply_to(std::map<std::string, int>& names, const std::vector<std::pair<std::string, int>>& change) {
  for (const auto& [name, node] : change) {
    if (node < 0)
      names.erase(name);
    else
      names[name] = node;
  }
}

}  // namespace

void CrashModel::change(int folder, Change change) {
  Node& node = nodes_[static_cast<std::size_t>(folder)];
  apply_to(node.names, change);
  node.changes.push_back(std::move(change));
}

void CrashModel::apply(const Operation& operation) {
  using Kind = Operation::Kind;
  const auto file = [&]() -> Node& { return nodes_[static_cast<std::size_t>(open_.at(operation.descriptor))]; };
  const auto offset = static_cast<std::size_t>(operation.offset);
  switch (operation.kind) {
    case Kind::make:
      open_[operation.descriptor] = add(operation.path, false);
      return;
    case Kind::open:
      open_[operation.descriptor] = find(operation.path);
      return;
    case Kind::adopt:
      open_[operation.descriptor] = add(operation.path, false);
      file().now = operation.text;
      return;
    case Kind::extend:
      file().now.resize(std::max(file().now.size(), offset));
      return;
    case Kind::write:
      file().now.resize(std::max(file().now.size(), offset + operation.text.size()));
      file().now.replace(offset, operation.text.size(), operation.text);
      return;
    case Kind::append:
      file().now += operation.text;
      return;
    case Kind::truncate:
      file().now.resize(offset);
      return;
    case Kind::sync:
      file().disk = file().now;
      return;
    case Kind::sync_directory: {
      Node& folder = nodes_[static_cast<std::size_t>(find(operation.path))];
      folder.disk_names = folder.names;
      folder.changes.clear();
      return;
    }
    case Kind::rename: {
      const int moved = find(operation.path);
      const auto [from, old_name] = place(operation.path);
      const auto [to, new_name] = place(operation.to);
      if (from == to) {
        change(from, {{old_name, -1}, {new_name, moved}});
      } else {
        change(from, {{old_name, -1}});
        change(to, {{new_name, moved}});
      }
      return;
    }
    case Kind::make_directory:
      add(operation.path, true);
      return;
    case Kind::unlink:
    case Kind::remove_directory: {
      const auto [parent, name] = place(operation.path);
      change(parent, {{name, -1}});
      return;
    }
  }
}

std::string CrashModel::left(const Node& node, Pages pages) const {
  if (pages == Pages::kept || node.disk == node.now) return node.now;
  if (pages == Pages::dropped) return node.disk;
  std::string text = node.disk;
  text.resize(node.now.size());
  for (std::size_t begin = 0; begin < text.size(); begin += page) {
    const bool even = begin / page % 2 == 0;
    if ((pages == Pages::even && even) || (pages == Pages::odd && !even)) text.replace(begin, page, node.now, begin, page);
  }
  return text;
}

CrashModel::Names CrashModel::names_left(const Node& node, bool other, const Fate& fate) const {
  const bool kept = other ? fate.other_names_kept : fate.names_kept;
  if (!other || fate.other_change < 0) return kept ? node.names : node.disk_names;
  Names names = node.disk_names;
  for (int number = 0; number < std::ssize(node.changes); ++number)
    if (kept != (number == fate.other_change)) apply_to(names, node.changes[static_cast<std::size_t>(number)]);
  return names;
}

void CrashModel::collect(int number, const std::string& path, const Fate& fate, Tree& tree) const {
  const Node& node = nodes_[static_cast<std::size_t>(number)];
  const bool other = number == fate.other;
  if (!node.folder) {
    tree[path] = left(node, other ? fate.other_pages : fate.pages);
    return;
  }
  if (number != 0) tree[path] = std::nullopt;
  for (const auto& [name, child] : names_left(node, other, fate)) collect(child, path.empty() ? name : path + "/" + name, fate, tree);
}

Tree CrashModel::now() const {
  Tree tree;
  collect(0, "", {}, tree);
  return tree;
}

std::vector<CrashModel::Fate> CrashModel::fates() const {
  constexpr Pages all_pages[] = {Pages::kept, Pages::dropped, Pages::even, Pages::odd, Pages::length};
  std::vector<Fate> fates;
  for (const bool names_kept : {true, false})
    for (const Pages pages : all_pages) fates.push_back({names_kept, pages});
  for (int node = 0; node < std::ssize(nodes_); ++node) {
    if (!nodes_[static_cast<std::size_t>(node)].dirty()) continue;
    if (nodes_[static_cast<std::size_t>(node)].folder) {
      for (const bool others_kept : {true, false}) fates.push_back({others_kept, Pages::kept, node, !others_kept});
      for (int number = 0; number < std::ssize(nodes_[static_cast<std::size_t>(node)].changes); ++number)
        for (const bool kept : {true, false}) fates.push_back({true, Pages::kept, node, kept, Pages::kept, number});
    } else {
      for (const Pages pages : all_pages) fates.push_back({true, Pages::kept, node, true, pages});
    }
  }
  return fates;
}

std::vector<Tree> CrashModel::crash_states() const {
  std::vector<Tree> states;
  std::set<std::string> seen;
  for (const Fate& fate : fates()) {
    Tree tree;
    collect(0, "", fate, tree);
    if (seen.insert(key_of(tree)).second) states.push_back(std::move(tree));
  }
  return states;
}

}  // namespace ergon::test
