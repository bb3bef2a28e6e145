// SPDX-License-Identifier: Apache-2.0
// Which keys somebody set, and where: keys that follow from others (configs/derive.hpp) do so only when nobody set them, and a message
// about two keys that do not fit can point at their lines.
#pragma once

#include <map>
#include <string>

namespace ergon {

class Given {
 public:
  // The last one wins: preset, then file, then command line.
  void set(const std::string& key, const std::string& where) { where_[key] = where; }
  bool contains(const std::string& key) const { return where_.count(key) != 0; }
  // Empty for a default.
  std::string where(const std::string& key) const {
    auto found = where_.find(key);
    return found == where_.end() ? "" : found->second;
  }

 private:
  std::map<std::string, std::string> where_;
};

}  // namespace ergon
