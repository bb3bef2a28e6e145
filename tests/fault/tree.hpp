// SPDX-License-Identifier: Apache-2.0
// What lies in a folder, as a value.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace ergon::test {

// By relative name: a file's bytes; none for a folder.
using Tree = std::map<std::string, std::optional<std::string>>;

Tree read_tree(const std::string& root);
void write_tree(const Tree& tree, const std::string& root);  // `root` is there and empty
std::string key_of(const Tree& tree);                        // all of it, as one text

}  // namespace ergon::test
