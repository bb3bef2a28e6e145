// SPDX-License-Identifier: Apache-2.0
// Numbers as a page shows them; JSON carries the exact ones.
#pragma once

#include <cstdint>
#include <string>

#include "configs/quantities.hpp"

namespace ergon {

std::string grouped(std::int64_t count);     // 124,439,808
std::string rounded_flops(Flops flops);      // "1.234e+15"; exact below a million
std::string rounded_pfs_days(PfsDays days);  // six significant digits
std::string rounded_bytes(Bytes bytes);      // "1.5 GiB"
std::string clock(Seconds seconds);          // "12.3 s", "5 min 10 s", "2 h 05 min"
std::string percent(double fraction);        // "41.3 %"

}  // namespace ergon
