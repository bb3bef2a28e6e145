// SPDX-License-Identifier: Apache-2.0
// A JSON object that carries a checksum of its own text as its last key: {"step":3,"sha256":"0123456789abcdef"}. A flipped digit of a
// number would still be JSON, and nobody would know. It is the first 16 digits of the SHA-256 of what stands before its comma: enough
// against damage, and a person can still read the line.
#pragma once

#include <string>
#include <string_view>

namespace ergon {

enum class Checksum { holds, broken, absent };

// To the text of an object of at least one key, which ends with its brace. One that is laid out over lines gets one more line.
void add_checksum(std::string& object);

// Of the text of an object; white space behind its brace is passed over. `absent` where the object's last key is another.
Checksum checksum_of(std::string_view object);

}  // namespace ergon
