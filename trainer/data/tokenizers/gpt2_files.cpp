// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/gpt2_files.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

namespace ergon {

using nlohmann::json;

std::string gpt2_tokenizer_json(std::string_view vocabulary, std::string_view merges, const std::string& folder) {
  const std::string vocabulary_file = folder + "/vocab.json";
  json vocab = bounded_json(vocabulary, vocabulary_file);
  if (!vocab.is_object())
    throw Error("is not an object of tokens and ids", vocabulary_file, "name a folder with GPT-2's files", ExitCode::data);
  json pairs = json::array();
  for (std::int64_t number = 1; !merges.empty(); ++number) {
    const std::size_t end = merges.find('\n');
    std::string_view line = merges.substr(0, end);
    merges.remove_prefix(end == std::string_view::npos ? merges.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      throw Error("is not two tokens", fmt::format("{}/merges.txt:{}", folder, number), "the file is damaged, or not GPT-2's",
                  ExitCode::data);
    pairs.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  const json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return json({{"added_tokens", json::array()},
               {"pre_tokenizer", byte_level},
               {"decoder", byte_level},
               {"model", {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(pairs)}}}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace ergon
