// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/huggingface_model.hpp"

#include <fmt/format.h>

#include "trainer/data/tokenizers/byte_alphabet.hpp"

namespace ergon {
namespace {

using nlohmann::json;

void read_vocabulary(Component& component, HuggingFaceModel& read) {
  const json* vocabulary = component.part("vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) component.refuse("has no 'vocab'");
  for (const auto& [token, id] : vocabulary->items()) {
    const std::int64_t number = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (!read.texts.add(token, number)) component.refuse(fmt::format("has an id for '{}' that is out of range or another token's", token));
    const auto bytes = read.model.symbols == BytePairModel::Symbols::bytes ? bytes_of_characters(token) : std::optional(token);
    // What is spelt with other characters cannot come out of bytes.
    if (bytes && !read.model.tokens.add(*bytes, number)) component.refuse(fmt::format("has '{}' twice", token));
  }
}

// "a b" or ["a", "b"].
std::pair<std::string, std::string> two_parts(const json& merge, const Component& component, std::size_t index) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const std::string& text = merge.get_ref<const std::string&>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
      return {text.substr(0, space), text.substr(space + 1)};
  }
  component.refuse(fmt::format("has a merge that is not two tokens: merges[{}]", index));
}

void read_merges(Component& component, HuggingFaceModel& read) {
  const json& merges = component.array("merges");
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    if (merges[i].is_string() && merges[i].get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = two_parts(merges[i], component, i);
    std::int32_t ids[3];
    const std::string parts[] = {left, right, left + right};
    for (std::size_t p = 0; p < 3; ++p)
      if ((ids[p] = read.texts.find(parts[p])) == TokenTable::none)
        component.refuse(fmt::format("merges to or from '{}', which is not in the vocabulary: merges[{}]", parts[p], i));
    read.model.merges.add(ids[0], ids[1], {rank++, ids[2]});
  }
}

void read_options(Component& component, HuggingFaceModel& read) {
  BytePairModel& model = read.model;
  if (const json* dropout = component.part("dropout"); dropout != nullptr && (!dropout->is_number() || dropout->get<double>() != 0))
    component.refuse("has a 'dropout': the same text would give other ids each time");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!component.text(affix, "").empty()) component.refuse(fmt::format("has a '{}'", affix));
  model.fuse_unknown = component.flag("fuse_unk", false);
  model.byte_fallback = component.flag("byte_fallback", false);
  model.whole_piece_first = component.flag("ignore_merges", false);
  if (const std::string unknown = component.text("unk_token", ""); !unknown.empty()) {
    model.unknown = read.texts.find(unknown);
    if (model.unknown == TokenTable::none) component.refuse(fmt::format("has the unk_token '{}', which is not in the vocabulary", unknown));
  }
}

void find_bytes(const Component& component, HuggingFaceModel& read) {
  BytePairModel& model = read.model;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    model.byte_ids[static_cast<std::size_t>(byte)] =
        model.symbols == BytePairModel::Symbols::bytes ? model.tokens.find({&c, 1}) : read.texts.find(fmt::format("<0x{:02X}>", byte));
  }
  if (model.symbols == BytePairModel::Symbols::bytes && model.byte_fallback) component.refuse("has 'byte_fallback' after ByteLevel");
  if (model.unknown != TokenTable::none) return;
  if (model.symbols == BytePairModel::Symbols::characters && !model.byte_fallback)
    component.refuse("has neither 'unk_token' nor 'byte_fallback': characters that are no tokens would be lost");
  if (const int byte = model.missing_byte(); byte >= 0)
    component.refuse(fmt::format("has no token for the byte 0x{:02X} and no 'unk_token': text would be lost", byte));
}

}  // namespace

HuggingFaceModel read_huggingface_model(const json& object, BytePairModel::Symbols symbols, const std::string& file) {
  Component component(object, "model", file);
  // Old files have no type.
  if (const std::string type = component.type(); type != "BPE" && !type.empty())
    component.refuse(fmt::format("is of type '{}', which is not BPE", type));
  HuggingFaceModel read;
  read.model.symbols = symbols;
  read_vocabulary(component, read);
  read_merges(component, read);
  read_options(component, read);
  find_bytes(component, read);
  component.done();
  return read;
}

}  // namespace ergon
