// SPDX-License-Identifier: Apache-2.0
// The "model" of a tokenizer.json: byte-pair encoding with its vocabulary and merges.
#pragma once

#include "trainer/data/tokenizers/byte_pair_model.hpp"
#include "trainer/data/tokenizers/component.hpp"

namespace ergon {

struct HuggingFaceModel {
  BytePairModel model;
  TokenTable texts;  // the tokens as the file writes them
};

// `symbols`: what the pre-tokenizer makes of text. Throws Error (ExitCode::data) for another model, a vocabulary or merges that do not fit
// together, an option this version does not know, and when some text would be lost: a byte or a character has no token, and nothing
// stands for the unknown.
HuggingFaceModel read_huggingface_model(const nlohmann::json& json, BytePairModel::Symbols symbols, const std::string& file);

}  // namespace ergon
