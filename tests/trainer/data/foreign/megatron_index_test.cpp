// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/megatron_index.hpp"

#include <functional>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::vector<std::byte> bytes_of(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string refused(std::vector<std::byte> bytes, const std::function<void(std::vector<std::byte>&)>& change) {
  change(bytes);
  try {
    parse_megatron_index(bytes, "x.idx");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem();
  }
  return "none";
}

// Three sequences of uint16 in two documents; the layout written out by hand from indexed_dataset.py.
const std::string by_hand =
    "4d4d49444944580000"  // MMIDIDX
    "0100000000000000"    // version
    "08"                  // uint16
    "0300000000000000"    // sequences
    "0300000000000000"    // entries of the table of documents
    "040000000000000002000000"
    "000000000000000008000000000000000800000000000000"
    "000000000000000002000000000000000300000000000000";

}  // namespace

TEST_CASE("an index of Megatron-LM is read and written byte for byte") {
  const auto bytes = bytes_of(by_hand);

  const MegatronIndex index = parse_megatron_index(bytes, "x.idx");

  CHECK(index.dtype == TokenDtype::u16);
  CHECK(index.lengths == std::vector<std::int32_t>{4, 0, 2});
  CHECK(index.documents == std::vector<std::int64_t>{0, 2, 3});
  CHECK(index.tokens() == 6);
  CHECK(megatron_index_bytes(index) == bytes);

  MegatronIndex with_modes = index;
  with_modes.dtype = TokenDtype::i32;
  with_modes.modes = {1, 0, -1};
  CHECK(parse_megatron_index(megatron_index_bytes(with_modes), "x") == with_modes);
}

TEST_CASE("an index that is not one is refused with what is wrong in it") {
  const auto bytes = bytes_of(by_hand);
  const auto at = [](std::size_t place, int value) {
    return [=](std::vector<std::byte>& changed) { changed[place] = static_cast<std::byte>(value); };
  };
  CHECK(refused(bytes, at(0, 'X')) == "does not begin with MMIDIDX: it is not the index of a Megatron data set");
  CHECK(refused(bytes, at(9, 2)) == "has version 2, not 1");
  CHECK(refused(bytes, at(17, 6)) == "has elements of type 6, which is no integer type");
  CHECK(refused(bytes, at(25, 0x7f)) == "has no room for a table of 9151314442816847875 entries");
  CHECK(refused(bytes, at(37, 0xff)) == "sequence 0 has -16777212 tokens");
  CHECK(refused(bytes, at(54, 9)) == "sequence 1 begins at byte 9 and not where the one before it ends (8)");
  CHECK(refused(bytes, at(70, 1)) == "its table of documents does not lead from 0 to 3 sequences");
  CHECK(refused(bytes, [](auto& changed) { changed.resize(20); }) == "ends 6 bytes early");
  CHECK(refused(bytes, [](auto& changed) { changed.resize(changed.size() + 4); }) == "has 1 bytes too many");
  MegatronIndex index = parse_megatron_index(bytes, "x");
  index.dtype = TokenDtype::u32;
  try {
    megatron_index_bytes(index);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.problem() == "Megatron data sets cannot hold uint32");
  }
}
