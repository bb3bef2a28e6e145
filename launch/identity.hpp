// SPDX-License-Identifier: Apache-2.0
// Who computes: bitwise continuation of a run is promised only while these stay the same.
#pragma once

#include <string>

namespace ergon {

std::string binary_identity();  // the build id of this executable: hexadecimal
std::string cpu_identity();     // the processor's model and the instruction sets that change arithmetic

}  // namespace ergon
