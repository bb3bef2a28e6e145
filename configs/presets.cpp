// SPDX-License-Identifier: Apache-2.0
#include "configs/presets.hpp"

#include <algorithm>

#include "configs/did_you_mean.hpp"
#include "configs/embedded.hpp"
#include "configs/error.hpp"

namespace ergon {

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const embedded::File& file : embedded::presets) names.emplace_back(file.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string preset_text(const std::string& name) {
  for (const embedded::File& file : embedded::presets)
    if (file.name == name) return std::string(file.text);
  throw Error(fmt::format("there is no preset '{}'", name), "", preset_hint(name));
}

std::string preset_hint(const std::string& unknown) {
  const std::vector<std::string> names = preset_names();
  const std::string meant = did_you_mean(unknown, names), list = fmt::format("presets: {}", fmt::join(names, ", "));
  return meant.empty() ? list : meant + " " + list;
}

std::string devices_text() { return std::string(embedded::devices); }

}  // namespace ergon
