// SPDX-License-Identifier: Apache-2.0
// What a fuzz target gives to the driver: a reader of untrusted bytes. A target is one file, a folder of corpus and a line in
// CMakeLists.txt.
#pragma once

#include <string_view>
#include <vector>

namespace ergon::fuzz {

// Reads the input as the program would. Returns for what is read and for what is refused by an Error; whatever else leaves it is a finding.
void read(std::string_view input);

// Pieces of text that the format is made of.
std::vector<std::string_view> words();

}  // namespace ergon::fuzz
