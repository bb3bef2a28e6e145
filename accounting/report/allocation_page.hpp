// SPDX-License-Identifier: Apache-2.0
// What a run held of the machine, as a report shows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "accounting/report/allocation.hpp"

namespace ergon {

std::string allocation_text(const RunAllocation& allocation);
nlohmann::ordered_json allocation_json(const RunAllocation& allocation);

// Why no attempt has a queue wait, where none has.
inline constexpr const char* no_queue_wait = "no attempt knows when its job was submitted: not a job of Slurm, or of a build before stamps";

}  // namespace ergon
