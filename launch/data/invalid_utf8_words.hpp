// SPDX-License-Identifier: Apache-2.0
// --invalid-utf8 of the commands that read text.
#pragma once

#include <string>
#include <vector>

#include "trainer/data/documents.hpp"

namespace ergon {

inline const std::vector<std::string> invalid_utf8_choices = {"replace", "drop", "refuse"};

// Of one of them.
inline InvalidUtf8 invalid_utf8_of(const std::string& word) {
  return word == "replace" ? InvalidUtf8::replace : word == "drop" ? InvalidUtf8::drop : InvalidUtf8::refuse;
}

}  // namespace ergon
