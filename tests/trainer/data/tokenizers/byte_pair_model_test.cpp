// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/byte_pair_model.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using Ids = std::vector<std::int32_t>;

Ids encode(const BytePairModel& model, std::string_view piece) {
  PieceScratch scratch;
  Ids once, twice;
  model.encode(piece, once, scratch);
  model.encode(piece, twice, scratch);  // out of the cache
  CHECK(once == twice);
  return once;
}

BytePairModel characters(std::initializer_list<const char*> tokens) {
  BytePairModel model;
  model.symbols = BytePairModel::Symbols::characters;
  model.byte_ids.fill(TokenTable::none);
  for (const char* token : tokens) CHECK(model.tokens.add(token, model.tokens.count()));
  return model;
}

}  // namespace

TEST_CASE("byte_pair_model: bytes are merged, unless the whole piece is a token and comes first") {
  BytePairModel model;
  model.byte_ids.fill(TokenTable::none);
  for (const char* token : {"a", "b", "ab", "aba"}) CHECK(model.tokens.add(token, model.tokens.count()));
  model.byte_ids['a'] = 0;
  model.byte_ids['b'] = 1;
  model.merges.add(0, 1, {0, 2});

  CHECK(encode(model, "aba") == Ids{2, 0});
  model.whole_piece_first = true;
  CHECK(encode(model, "aba") == Ids{3});
  CHECK(encode(model, "abab") == Ids{2, 2});
  CHECK(encode(model, "").empty());
}

TEST_CASE("byte_pair_model: an unknown character is <unk>, one for each or one for a run, or its bytes") {
  BytePairModel model = characters({"<unk>", "a", "<0xC3>", "<0xA9>"});
  model.unknown = 0;
  CHECK(encode(model, "a\xC3\xA9\xC3\xA8z") == Ids{1, 0, 0, 0});
  model.fuse_unknown = true;
  CHECK(encode(model, "za\xC3\xA9\xC3\xA8z") == Ids{0, 1, 0});
  model.byte_fallback = true;
  model.byte_ids[0xC3] = 2;
  model.byte_ids[0xA9] = 3;
  CHECK(encode(model, "a\xC3\xA9") == Ids{1, 2, 3});
  CHECK(encode(model, "a\xC3\xA8") == Ids{1, 0});
  model.unknown = TokenTable::none;
  CHECK(encode(model, "a\xC3\xA8") == Ids{1});
}

TEST_CASE("byte_pair_model: bytes that no text holds may be missing") {
  BytePairModel model;
  model.byte_ids.fill(0);
  CHECK(model.missing_byte() == -1);
  model.byte_ids[0xC0] = model.byte_ids[0xFF] = TokenTable::none;
  CHECK(model.missing_byte() == -1);
  model.byte_ids[0xF4] = TokenTable::none;
  CHECK(model.missing_byte() == 0xF4);
}
