// SPDX-License-Identifier: Apache-2.0
// The characters that stand for bytes in the vocabularies of GPT-2 and its heirs: printable ones of Latin-1 for themselves, the others from
// U+0100 on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ergon {

char32_t character_of_byte(unsigned char byte);  // ' ' gives U+0120
// The bytes that the characters of `text` stand for; nothing when one of them stands for none. `text` is valid UTF-8.
std::optional<std::string> bytes_of_characters(std::string_view text);

}  // namespace ergon
