// SPDX-License-Identifier: Apache-2.0
// What must hold between keys, each rule with the keys it names. The range of a single key is the key table's matter.
#pragma once

#include "configs/given.hpp"
#include "configs/problems.hpp"
#include "configs/run_config.hpp"

namespace ergon {

void validate(const RunConfig& config, const Given& given, Problems& problems);

}  // namespace ergon
