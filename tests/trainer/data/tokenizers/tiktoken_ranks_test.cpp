// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_ranks.hpp"

#include "tests/trainer/data/tokenizers/golden.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string ranks_refusal(const std::string& text) {
  return problem_of([&] { read_tiktoken_ranks(text, "f"); });
}

}  // namespace

TEST_CASE("tiktoken_ranks: tokens, ranks and what merges to what") {
  const std::string ranks = golden()["ranks"].get<std::string>();

  const BytePairModel model = read_tiktoken_ranks(ranks, "f");

  CHECK(model.tokens.count() == 468);
  CHECK(model.whole_piece_first);
  CHECK(model.missing_byte() == -1);
  const std::int32_t space = model.tokens.find(" "), a = model.tokens.find("a"), both = model.tokens.find(" a");
  REQUIRE(both != TokenTable::none);
  REQUIRE(model.merges.find(space, a) != nullptr);
  CHECK(model.merges.find(space, a)->id == both);
  CHECK(model.merges.find(space, a)->rank == static_cast<std::uint32_t>(both));
  CHECK(looks_like_tiktoken_ranks(ranks));
  CHECK(looks_like_tiktoken_ranks("YQ== 0\r\n"));
  CHECK_FALSE(looks_like_tiktoken_ranks("{\"a\": 1}"));
  CHECK_FALSE(looks_like_tiktoken_ranks(""));
}

TEST_CASE("tiktoken_ranks: lines that do not read are named") {
  CHECK(contains(ranks_refusal("YQ== 0\nYQ=\n"), "f:2: is not a token in base64, a space and a rank"));
  CHECK(contains(ranks_refusal("Y!== 0\n"), "f:1: is not a token in base64"));
  CHECK(contains(ranks_refusal("YQ=a 0\n"), "f:1: is not a token in base64"));
  CHECK(contains(ranks_refusal(" 0\n"), "f:1: is not a token in base64"));
  CHECK(contains(ranks_refusal("YQ== x\n"), "f:1: has no rank from 0 to 4194303"));
  CHECK(contains(ranks_refusal("YQ== -1\n"), "f:1: has no rank"));
  CHECK(contains(ranks_refusal("YQ== 0 1\n"), "f:1: has no rank"));
  CHECK(contains(ranks_refusal("YQ== 4194304\n"), "f:1: has no rank"));
  CHECK(contains(ranks_refusal("YQ== 0\n\nYQ== 1\n"), "f:3: gives a token or a rank that another line gives"));
  CHECK(contains(ranks_refusal("YQ== 0\nYg== 0\n"), "f:2: gives a token or a rank"));
  CHECK(contains(ranks_refusal("YQ== 0\nYg== 1\n"), "f: has no token for the byte 0x00"));
  CHECK(contains(ranks_refusal(std::string(8192, 'A') + " 0\n"), "f:1: goes beyond what this version takes"));
  CHECK(contains(ranks_refusal(std::string((64 << 20) + 1, 'A')), "f: has 67108865 bytes"));
}

TEST_CASE("tiktoken_ranks: a damaged file is refused or still whole") {
  const std::string whole = golden()["ranks"].get<std::string>();
  for (std::size_t cut = 0; cut + 1 < whole.size(); cut += 97) {
    try {
      read_tiktoken_ranks(whole.substr(0, cut), "f");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
    }
    std::string flipped = whole;
    flipped[cut] ^= 8;
    try {
      read_tiktoken_ranks(flipped, "f");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
    }
  }
}
