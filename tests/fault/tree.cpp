// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/tree.hpp"

#include <filesystem>

#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

Tree read_tree(const std::string& root) {
  Tree tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = entry.path().string().substr(root.size() + 1);
    tree[name] = entry.is_directory() ? std::nullopt : std::optional(read_file(entry.path().string()));
  }
  return tree;
}

void write_tree(const Tree& tree, const std::string& root) {
  for (const auto& [name, text] : tree) {  // a folder comes before what is in it
    if (text)
      write_file(root + "/" + name, *text);
    else
      std::filesystem::create_directory(root + "/" + name);
  }
}

std::string key_of(const Tree& tree) {
  std::string key;
  for (const auto& [path, text] : tree) key += path + '\0' + (text ? *text : "/") + '\0';
  return key;
}

}  // namespace ergon::test
