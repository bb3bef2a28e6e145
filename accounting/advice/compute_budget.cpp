// SPDX-License-Identifier: Apache-2.0
#include "accounting/advice/compute_budget.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "configs/devices.hpp"
#include "configs/error.hpp"
#include "configs/text.hpp"
#include "configs/units.hpp"

namespace ergon {
namespace {

constexpr const char* budget_hint = "\"10 pfs-days\", \"1e21 flops\", or \"5000 device-hours\" with --device and --mfu";

// The text before a unit at its end, without the spaces between; nothing when it ends otherwise.
std::optional<std::string> before_unit(const std::string& text, const std::string& unit) {
  if (text.size() <= unit.size() || lower(text.substr(text.size() - unit.size())) != unit) return std::nullopt;
  std::string number = text.substr(0, text.size() - unit.size());
  number.erase(number.find_last_not_of(' ') + 1);
  return number;
}

Flops hours_to_flops(const std::string& text, const std::string& number, const std::optional<DeviceRate>& rate) {
  double hours = 0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), hours);
  if (code != std::errc() || end != number.data() + number.size() || !(hours > 0) || !std::isfinite(hours))
    throw Error(fmt::format("'{}' is not a number of device-hours", text), "--budget", budget_hint);
  if (!rate) {
    throw Error("device-hours become FLOPs by the peak of a device and the part of it that is reached", "--budget",
                "give --device h100-sxm --mfu 0.4 for instance");
  }
  const double flops = hours * 3600 * rate->peak.value * rate->mfu;
  constexpr double most = 1e38;
  if (flops < 1 || flops > most) throw Error(fmt::format("'{}' are {:g} FLOPs", text, flops), "--budget", "between 1 and 1e38 FLOPs");
  return {static_cast<unsigned __int128>(std::round(flops))};
}

}  // namespace

std::optional<DeviceRate> device_rate(const std::string& device, DType dtype, std::optional<double> mfu) {
  if (mfu && !(*mfu > 0 && *mfu <= 1)) throw Error(fmt::format("an MFU of {} is none", *mfu), "--mfu", "above 0 and at most 1: 0.4");
  if (device.empty() && !mfu) return std::nullopt;
  if (device.empty())
    throw Error("an MFU is a part of a device's peak: name the device", "--device",
                "--device h100-sxm for instance, or a CONFIG whose accounting.peak names it");
  const std::optional<Peak> peak = device_peak(device, dtype);
  if (!mfu) throw Error("the device is named, the part of its peak that is reached is not", "--mfu", "--mfu 0.4 for instance");
  if (!peak) throw Error(unknown_peak_reason(device, dtype), "--device", "name another device or --dtype, or give the budget in FLOPs");
  return DeviceRate{device, dtype, *mfu, peak->rate, peak->source};
}

Flops parse_budget(const std::string& text, const std::optional<DeviceRate>& rate) {
  for (const char* unit : {"device-hours", "device-hour"})
    if (const auto number = before_unit(text, unit)) return hours_to_flops(text, *number, rate);
  std::string number = text;
  for (const char* unit : {"flops", "flop"})
    if (const auto before = before_unit(text, unit)) number = *before;
  Flops flops;
  try {
    flops = parse_flops(number);
  } catch (const Error& error) {
    throw Error(error.problem(), "--budget", budget_hint);
  }
  if (flops.value == 0) throw Error("a budget of 0 FLOPs trains nothing", "--budget", budget_hint);
  return flops;
}

double device_hours(double flops, const DeviceRate& rate) { return flops / (rate.peak.value * rate.mfu * 3600); }

}  // namespace ergon
