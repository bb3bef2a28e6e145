// SPDX-License-Identifier: Apache-2.0
// The tokenizer of an import: named on the line, or trained on the input. One that was trained is kept in the work folder, so that an
// import that goes on does not train again.
#pragma once

#include <memory>

#include "trainer/data/import.hpp"
#include "trainer/data/tokenizer.hpp"

namespace ergon {

// Throws Error: an unknown name, a model that does not load, training on standard input, no text to train on.
std::unique_ptr<Tokenizer> import_tokenizer(const ImportOptions& options, const InputFiles& files, const IngestFolder& folder,
                                            Storage& storage, const ProgressSink& progress);

}  // namespace ergon
