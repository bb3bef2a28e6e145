// SPDX-License-Identifier: Apache-2.0
// The documents of a unit of input, in order: a file, a block between blank lines, or a line of JSON. Text that is not UTF-8 is repaired
// here, before JSON is read, and so are its escapes of lone surrogates, which no UTF-8 can hold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "configs/error.hpp"
#include "trainer/data/input_units.hpp"

namespace ergon {

// What stands in an input is refused: the same import would be refused again.
class InputError : public Error {
 public:
  using Error::Error;
};

enum class InvalidUtf8 : std::uint8_t {
  replace,  // ill-formed parts become U+FFFD
  drop,     // a document with one is left out
  refuse,   // a document with one ends the import
};
const char* name(InvalidUtf8 invalid);  // what a store's /sources says of it

struct Document {
  std::string text;
  std::string prompt;                                       // with a prompt_key: what the text answers
  std::int64_t file = 0, line = 1;                          // where it begins
  std::int64_t replaced_sequences = 0, replaced_bytes = 0;  // ill-formed parts of its record that are U+FFFD now
  std::int64_t lone_surrogates = 0;                         // those of them that were escapes in JSON
};

// `visit` may take the text away. Throws Error (ExitCode::data), with file:line, for a line of JSON that does not hold the key and for a
// record longer than max_document.
void for_each_document(const InputUnit& unit, const InputFiles& files, const DocumentOptions& options,
                       const std::function<void(Document&)>& visit);

// Throws the InputError for a document with ill-formed parts, with its file:line.
[[noreturn]] void refuse_invalid(const Document& document, const InputFiles& files, const std::string& hint);

}  // namespace ergon
