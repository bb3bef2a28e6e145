// SPDX-License-Identifier: Apache-2.0
#include "configs/key_hint.hpp"

#include <fmt/format.h>

#include "configs/did_you_mean.hpp"
#include "configs/key_table.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

}  // namespace

std::string key_hint(const std::string& unknown) {
  const std::string last = last_part(unknown);
  std::vector<std::string> here, anywhere;
  for (const Key& key : key_table()) {
    if (last_part(key.name) == last) return fmt::format("did you mean '{}'?", key.name);
    anywhere.push_back(last_part(key.name));
    if (section_of(key.name) == section_of(unknown)) here.push_back(anywhere.back());
  }
  if (const std::string meant = nearest(last, here); !meant.empty())
    return fmt::format("did you mean '{}.{}'?", section_of(unknown), meant);
  const std::string meant = nearest(last, anywhere);
  for (const Key& key : key_table())
    if (!meant.empty() && last_part(key.name) == meant) return fmt::format("did you mean '{}'?", key.name);
  return "`ergon train --help` lists all keys";
}

}  // namespace ergon
