// SPDX-License-Identifier: Apache-2.0
#include "configs/devices.hpp"

#include <algorithm>

#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "configs/presets.hpp"
#include "configs/text.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

std::string row(const std::string& id, DType dtype) { return fmt::format("{}.{}.", lower(id), choice_name(dtype)); }

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

  std::string prefix = row(device, dtype);
  std::optional<double> rate;
  std::string source;
  for (const TomlEntry& entry : read_toml(devices_text(), "devices.toml").entries) {
    if (entry.key == prefix + "peak") rate = read_number(entry.value, "");
    if (entry.key == prefix + "source") source = read_text(entry.value);
  }
  if (!rate) return std::nullopt;
  return Peak{{*rate}, source};
}

std::string unknown_peak_reason(const std::string& id, DType dtype) {
  ERGON_CHECK(!device_peak(id, dtype), "the peak of {} for {} is known", id, choice_name(dtype));
  if (id.empty()) return "accounting.peak names no device";
  std::string reason = "nobody has looked for a source";
  for (const TomlEntry& entry : read_toml(devices_text(), "devices.toml").entries)
    if (entry.key == row(id, dtype) + "unknown") reason = read_text(entry.value);
  return fmt::format("no known {} peak of {}: {}", choice_name(dtype), lower(id), reason);
}

std::vector<std::string> device_ids() {
  std::vector<std::string> ids;
  for (const TomlEntry& entry : read_toml(devices_text(), "devices.toml").entries) {
    std::string id = section_of(entry.key);
    if (ids.empty() || ids.back() != id) ids.push_back(id);
  }
  return ids;
}

}  // namespace ergon
