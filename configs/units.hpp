// SPDX-License-Identifier: Apache-2.0
// Quantities as a person writes them. to_text and parse_* are inverse: parse(to_text(x)) == x for every x that is not negative.
//
//   bytes    "4096", "25 MiB", "1.5 GB": B, kB .. PB (powers of 1000), KiB .. PiB (of 1024); a whole number of bytes below 2^63
//   time     "30 min", "1 h 30 min", "500 ms", "2 d", "90" (seconds): ms s min h d, each part once, largest first
//   FLOPs    "10 pfs-days" (8.64e19 each), "1e21", "174.6e9": a whole number below 2^128
//
// Every parse_* throws Error whose hint gives valid examples; `where` is empty: the caller knows the key.
#pragma once

#include <string>

#include "configs/quantities.hpp"

namespace ergon {

Bytes parse_bytes(const std::string& text);
Seconds parse_seconds(const std::string& text);
Flops parse_flops(const std::string& text);

// Exact, in the largest unit that needs no fraction: "25 MiB", "1 h 30 min", "10 pfs-days", "314000000000000000000000".
std::string to_text(Bytes bytes);
std::string to_text(Seconds seconds);
std::string to_text(Flops flops);

}  // namespace ergon
