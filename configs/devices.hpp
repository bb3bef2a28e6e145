// SPDX-License-Identifier: Apache-2.0
// Peak FLOP/s of known devices by dtype, dense (no sparsity), each with its source: configs/devices.toml. An unknown peak stays unknown,
// never a guess.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "configs/run_config.hpp"

namespace ergon {

struct Peak {
  FlopsPerSecond rate;  // one device
  std::string source;
};

// Ids are lower case; any case is accepted. Empty id, or a type that the table does not hold for this device: nothing, the peak is unknown.
// An id that is not in the table throws Error with the list of ids.
std::optional<Peak> device_peak(const std::string& id, DType dtype);

// Why device_peak gives nothing, in words for a report. Only for arguments for which it does.
std::string unknown_peak_reason(const std::string& id, DType dtype);

std::vector<std::string> device_ids();

}  // namespace ergon
