// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/packing.hpp"

#include <rapidcheck.h>

#include <set>

#include "configs/error.hpp"
#include "parallel/plan/block_mask.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string refusal(const std::string& text) {
  TemporaryFolder folder;
  write_file(folder / "lengths", text);
  try {
    const auto lengths = read_document_lengths(folder / "lengths");
    packed_documents(lengths, 100, 0, "lengths");
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.where().substr(error.where().rfind('/') + 1) + ": " + error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the documents of the header, pair by pair") {
  const Packing packed = packed_documents({1, 2, 4}, 4, 0, "test");
  CHECK(packed.tokens == 7);
  CHECK(packed.documents == 3);
  CHECK(packed.longest == 4);
  CHECK(twice_pairs(packed, CountedPairs::visible) == 2 * 14);
  CHECK(twice_pairs(packed, CountedPairs::document_half) == 21);
  CHECK(twice_pairs(packed, CountedPairs::full) == 2 * 28);
  CHECK(twice_pairs(packed, CountedPairs::half) == 28);
  CHECK(twice_pairs(packed, CountedPairs::none) == 0);
  // A window of 2: 1 + 3 + 7.
  CHECK(twice_pairs(packed_documents({1, 2, 4}, 4, 2, "test"), CountedPairs::visible) == 2 * 11);
  // A document as long as the sequence is the sequence.
  CHECK(twice_pairs(packed_documents({9}, 9, 0, "test"), CountedPairs::visible) ==
        twice_pairs(whole_sequence(9, 0), CountedPairs::visible));
  std::set<std::string> names;
  for (int pairs = 0; pairs < 5; ++pairs) names.insert(name(static_cast<CountedPairs>(pairs)));
  CHECK(names.size() == 5);
  CHECK_THROWS_AS(whole_sequence(0, 0), Bug);
}

TEST_CASE("property: visible pairs of packed documents are those of the mask that training applies, and additive over documents") {
  CHECK(rc::check([] {
    const auto lengths = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 20)));
    const std::int64_t window = *rc::gen::inRange(0, 12);
    BlockMask mask;
    std::int64_t tokens = 0;
    for (const std::int64_t length : lengths) {
      mask.document_starts.push_back(tokens);
      tokens += length;
    }
    mask.queries = mask.keys = {{0, tokens, 1}};
    mask.window = window;
    const Packing packed = packed_documents(lengths, tokens, window, "test");
    RC_ASSERT(packed.tokens == tokens);
    RC_ASSERT(twice_pairs(packed, CountedPairs::visible) == static_cast<unsigned __int128>(2 * mask.visible_pairs()));
    unsigned __int128 visible = 0, half = 0, full = 0;
    for (const std::int64_t length : lengths) {
      const Packing one = packed_documents({length}, tokens, window, "test");
      visible += one.twice_visible;
      half += one.twice_document_half;
      full += one.twice_full;
    }
    RC_ASSERT(packed.twice_visible == visible);
    RC_ASSERT(packed.twice_document_half == half);
    RC_ASSERT(packed.twice_full == full);
  }));
}

TEST_CASE("lengths are read from lines and from a JSON array") {
  TemporaryFolder folder;
  write_file(folder / "lines", "12\r\n\n 7\n3");
  CHECK(read_document_lengths(folder / "lines") == std::vector<std::int64_t>{12, 7, 3});
  write_file(folder / "array", "\n[12, 7,\n3]\n");
  CHECK(read_document_lengths(folder / "array") == std::vector<std::int64_t>{12, 7, 3});
}

TEST_CASE("lengths that are none are refused by line or element") {
  CHECK(refusal("12\nmany\n") == "lengths:2: 'many' is not the length of a document");
  CHECK(refusal("12\n7.5\n") == "lengths:2: '7.5' is not the length of a document");
  CHECK(refusal("[12, 7.5]") == "lengths: element 2 is not the length of a document: 7.5");
  CHECK(refusal("[99999999999999999999]") == "lengths: element 1 is not the length of a document: 1e+20");
  CHECK(refusal("[12") == "lengths: is not a JSON array, or nests too deep");
  CHECK(refusal("{\"a\": 1}") == "lengths: is not a JSON array, or nests too deep");
  CHECK(refusal("") == "lengths: there is no document in it");
  CHECK(refusal("12\n0\n") == "lengths: a document of 0 tokens");
  CHECK(refusal("101\n") == "lengths: a document of 101 tokens does not fit a sequence of 100");
  CHECK_THROWS_WITH(read_document_lengths("/nowhere/lengths"), Catch::Matchers::Contains("cannot be read"));
}
