// SPDX-License-Identifier: Apache-2.0
// Who computes: bitwise continuation of a run is promised only while these stay the same.
#pragma once

#include <string>

namespace ergon {

std::string binary_identity();   // the build id of this executable: hexadecimal
std::string binary_file_hash();  // SHA-256 of this executable's file; empty where it may be run but not read
std::string cpu_identity();      // the processor's model and the instruction sets that change arithmetic

}  // namespace ergon
