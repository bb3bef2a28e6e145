// SPDX-License-Identifier: Apache-2.0
// tests/golden/tokenizers.json: small vocabularies, texts over all planes of Unicode, and what the reference packages make of them.
#pragma once

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/trainer/data/store_fixture.hpp"

namespace ergon::test {

inline const nlohmann::json& golden() {
  static const nlohmann::json json = [] {
    const char* source = std::getenv("ERGON_SOURCE");
    return nlohmann::json::parse(read_file(std::string(source ? source : ".") + "/tests/golden/tokenizers.json"));
  }();
  return json;
}

// "bytes": GPT-2's alphabet; "characters": with byte tokens and <unk>.
inline nlohmann::json vocabulary(const std::string& kind) { return golden()["vocabularies"][kind]["vocab"]; }
inline nlohmann::json merges(const std::string& kind) { return golden()["vocabularies"][kind]["merges"]; }

inline const nlohmann::json& golden_case(const std::string& name) {
  for (const auto& one : golden()["cases"])
    if (one["name"] == name) return one;
  throw std::runtime_error("no golden case " + name);
}

// The tokenizer.json of a case.
inline nlohmann::json golden_file(const nlohmann::json& one) {
  nlohmann::json file = one["file"];
  file["model"] = one["model"];
  file["model"]["vocab"] = vocabulary(one["vocabulary"]);
  file["model"]["merges"] = merges(one["vocabulary"]);
  return file;
}

// A token that no text becomes, to end documents: its ids give no text.
inline std::string unused_token(const nlohmann::json& one) { return one["vocabulary"] == "bytes" ? "\xC3\xBF" : "</s>"; }

inline std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

// Texts of a case that come out otherwise than in the reference, encoded or decoded; the first is shown.
inline int differences(const Tokenizer& tokenizer, const nlohmann::json& one) {
  int different = 0;
  for (std::size_t i = 0; i < golden()["texts"].size(); ++i) {
    const std::string text = golden()["texts"][i].get<std::string>();
    const auto wanted = one["ids"][i].get<std::vector<std::int32_t>>();
    // The package decodes an added token in its normal form and an ill-formed byte as U+FFFD; Ergon gives what was written.
    if (one.contains("decoded") && one["decoded"].is_null()) {
      different += encode(tokenizer, text) != wanted;
      continue;
    }
    const bool same_text = !one.contains("decoded") || one["decoded"][i].is_null();
    const std::string back = same_text ? text : one["decoded"][i].get<std::string>();
    if (encode(tokenizer, text) == wanted && tokenizer.decode(wanted) == back) continue;
    if (different++ == 0) UNSCOPED_INFO(one["name"] << ": text " << i << ": " << nlohmann::json(text).dump(-1, ' ', true));
  }
  return different;
}

}  // namespace ergon::test
