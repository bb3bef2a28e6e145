// SPDX-License-Identifier: Apache-2.0
#include "configs/devices.hpp"

#include <algorithm>
#include <cctype>

#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "configs/presets.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::optional<Peak> device_peak(const std::string& id, DType dtype) {
  if (id.empty()) return std::nullopt;
  std::string device = lower(id);
  std::vector<std::string> ids = device_ids();
  if (std::find(ids.begin(), ids.end(), device) == ids.end()) {
    std::string meant = did_you_mean(device, ids);
    std::string list = fmt::format("known devices: {}", fmt::join(ids, " "));
    throw Error(fmt::format("there is no device '{}' in the table of peaks", id), "", meant.empty() ? list : meant + " " + list);
  }

  std::string prefix = fmt::format("{}.{}.", device, choice_name(dtype));
  std::optional<double> rate;
  std::string source;
  for (const TomlEntry& entry : read_toml(devices_text(), "devices.toml").entries) {
    if (entry.key == prefix + "peak") rate = read_number(entry.value, "");
    if (entry.key == prefix + "source") source = read_text(entry.value);
  }
  if (!rate) return std::nullopt;
  return Peak{{*rate}, source};
}

std::vector<std::string> device_ids() {
  std::vector<std::string> ids;
  for (const TomlEntry& entry : read_toml(devices_text(), "devices.toml").entries) {
    std::string id = entry.key.substr(0, entry.key.find('.'));
    if (ids.empty() || ids.back() != id) ids.push_back(id);
  }
  return ids;
}

}  // namespace ergon
