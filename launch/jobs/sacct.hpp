// SPDX-License-Identifier: Apache-2.0
// What Slurm's accounts say of jobs, asked by `sacct`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accounting/report/allocation.hpp"

namespace ergon {

// Each start of a requeued job is a record. Empty without jobs. None where there is no sacct, it does not answer within 10 s, or keeps no
// accounts ("Slurm accounting storage is disabled").
std::optional<std::vector<JobRecord>> sacct_records(const std::vector<std::string>& jobs);

// Lines of JobIDRaw|State|Submit|Start|End, moments in seconds since 1970 or a word ("Unknown", "None"); others are left out.
std::vector<JobRecord> parse_sacct(const std::string& text);

}  // namespace ergon
