// SPDX-License-Identifier: Apache-2.0
// A file that a person names on the line of a command, as text.
#pragma once

#include <string>

namespace ergon {

// Throws Error that names the path, with `hint`, for a folder and for what cannot be read.
std::string text_of_file(const std::string& path, const std::string& hint);

}  // namespace ergon
