// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/huggingface_model.hpp"

#include "tests/trainer/data/tokenizers/golden.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

constexpr auto bytes = BytePairModel::Symbols::bytes, characters = BytePairModel::Symbols::characters;

json model(const std::string& kind) { return {{"type", "BPE"}, {"vocab", vocabulary(kind)}, {"merges", merges(kind)}}; }

std::string model_refusal(json object, const json& changes, BytePairModel::Symbols symbols = bytes) {
  object.update(changes);
  return problem_of([&] { read_huggingface_model(object, symbols, "f"); });
}

}  // namespace

TEST_CASE("huggingface_model: vocabulary and merges, written in either way") {
  const HuggingFaceModel read = read_huggingface_model(model("bytes"), bytes, "f");
  json strings = model("bytes");
  for (auto& merge : strings["merges"]) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  strings["merges"].insert(strings["merges"].begin(), "#version: 0.2");
  const HuggingFaceModel other = read_huggingface_model(strings, bytes, "f");

  CHECK(read.texts.count() == 468);
  CHECK(read.model.merges.count() == 212);
  const std::int32_t space = read.model.tokens.find(" "), a = read.model.tokens.find("a");
  for (const HuggingFaceModel* one : {&read, &other}) {
    const Merge* merge = one->model.merges.find(space, a);
    REQUIRE(merge != nullptr);
    CHECK(one->model.tokens.bytes(merge->id) == " a");
    CHECK(one->texts.bytes(merge->id) ==
          "\xC4\xA0"
          "a");
    CHECK(merge->rank == read.model.merges.find(space, a)->rank);
  }
}

TEST_CASE("huggingface_model: options") {
  json object = model("characters");
  object.update({{"unk_token", "<unk>"},
                 {"fuse_unk", true},
                 {"byte_fallback", true},
                 {"ignore_merges", true},
                 {"dropout", 0.0},
                 {"continuing_subword_prefix", ""},
                 {"end_of_word_suffix", nullptr}});
  const HuggingFaceModel read = read_huggingface_model(object, characters, "f");
  CHECK(read.model.unknown == read.texts.find("<unk>"));
  CHECK(read.model.fuse_unknown);
  CHECK(read.model.byte_fallback);
  CHECK(read.model.whole_piece_first);
  CHECK(read.model.byte_ids[0x41] == read.texts.find("<0x41>"));
}

TEST_CASE("huggingface_model: what this version does not do is refused by name") {
  const json whole = model("bytes"), small = model("characters");
  CHECK(contains(model_refusal(whole, {{"type", "WordPiece"}}), "f: model is of type 'WordPiece', which is not BPE"));
  CHECK(contains(model_refusal(whole, {{"dropout", 0.1}}), "f: model has a 'dropout'"));
  CHECK(contains(model_refusal(whole, {{"end_of_word_suffix", "</w>"}}), "f: model has a 'end_of_word_suffix'"));
  CHECK(contains(model_refusal(whole, {{"unk_token", "<none>"}}), "f: model has the unk_token '<none>', which is not in the vocabulary"));
  CHECK(contains(model_refusal(whole, {{"byte_fallback", true}}), "f: model has 'byte_fallback' after ByteLevel"));
  CHECK(contains(model_refusal(whole, {{"alpha", 1}}), "f: model has a 'alpha'"));
  CHECK(contains(model_refusal(small, json::object(), characters), "f: model has neither 'unk_token' nor 'byte_fallback'"));
  CHECK(contains(model_refusal(small, json::object(), bytes), "f: model has no token for the byte 0x"));
}

TEST_CASE("huggingface_model: vocabularies and merges that do not fit together are refused") {
  const json whole = model("bytes");
  CHECK(contains(model_refusal(whole, {{"vocab", 1}}), "f: model has no 'vocab'"));
  CHECK(contains(model_refusal(whole, {{"vocab", {{"a", -1}}}}), "f: model has an id for 'a' that is out of range"));
  CHECK(contains(model_refusal(whole, {{"vocab", {{"a", 1 << 24}}}}), "that is out of range"));
  CHECK(contains(model_refusal(whole, {{"vocab", {{"a", 1}, {"b", 1}}}}),
                 "f: model has an id for 'b' that is out of range or another token's"));
  CHECK(contains(model_refusal(whole, {{"merges", json::array({json::array({"a", "zzz"})})}}),
                 "f: model merges to or from 'zzz', which is not in the vocabulary: merges[0]"));
  CHECK(contains(model_refusal(whole, {{"merges", {"a b c"}}}), "f: model has a merge that is not two tokens: merges[0]"));
  CHECK(contains(model_refusal(whole, {{"merges", {json::array({"a"})}}}), "not two tokens"));
  CHECK(contains(model_refusal(whole, {{"merges", nullptr}}), "f: model has no list 'merges'"));
}
