// SPDX-License-Identifier: Apache-2.0
// Letters of a short text: folded, cut. ASCII only; other bytes stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace ergon {

std::string lower(std::string_view text);
std::string trimmed(std::string_view text);  // without the spaces and tabs around it

}  // namespace ergon
