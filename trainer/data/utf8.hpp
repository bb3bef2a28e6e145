// SPDX-License-Identifier: Apache-2.0
// Repair of text that is not valid UTF-8.
#pragma once

#include <cstdint>
#include <string>

namespace ergon {

// Replaces every maximal ill-formed part (Unicode standard, section 3.9, table 3-7) by U+FFFD and returns how many there were. Surrogates,
// overlong forms and values above U+10FFFF are ill-formed; NUL and unassigned characters are not. Valid text is not touched.
// `replaced_bytes`: how many bytes of `text` these parts were.
std::int64_t repair_utf8(std::string& text, std::int64_t* replaced_bytes = nullptr);

}  // namespace ergon
