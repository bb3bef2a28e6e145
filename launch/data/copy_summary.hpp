// SPDX-License-Identifier: Apache-2.0
// What `ergon data split` and `ergon data merge` say when they are done.
#pragma once

#include <string>

#include "trainer/data/copy_documents.hpp"

namespace ergon {

// `schema`: "ergon.data_split.v1". On stdout.
void print_copy_json(const std::string& schema, const CopySummary& summary, const std::string& output);
void print_copy_text(const CopySummary& summary, const std::string& output, const std::string& why_left_out);

}  // namespace ergon
