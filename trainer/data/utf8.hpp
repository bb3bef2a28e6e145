// SPDX-License-Identifier: Apache-2.0
// Repair of text that is not valid UTF-8, and of escapes in JSON that stand for none.
#pragma once

#include <cstdint>
#include <string>

namespace ergon {

// Replaces every maximal ill-formed part (Unicode standard, section 3.9, table 3-7) by U+FFFD and returns how many there were. Surrogates,
// overlong forms and values above U+10FFFF are ill-formed; NUL and unassigned characters are not. Valid text is not touched.
// `replaced_bytes`: how many bytes of `text` these parts were.
std::int64_t repair_utf8(std::string& text, std::int64_t* replaced_bytes = nullptr);

// The same for what JSON can spell and UTF-8 cannot: every escape \uD800 to \uDFFF that is not half of a pair becomes \ufffd, and returned
// is how many there were. Python writes such escapes for text that it could not decode.
std::int64_t replace_lone_surrogates(std::string& json);
inline constexpr std::int64_t escape_bytes = 6;  // of each

}  // namespace ergon
