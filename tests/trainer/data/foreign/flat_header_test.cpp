// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/flat_header.hpp"

#include <functional>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string header_problem(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.problem();
  }
  return "none";
}

// numpy.lib.format.write_array_header_1_0 for 100 elements of '<u2', as numpy 1.24 writes it.
const std::string by_numpy =
    std::string("\x93NUMPY\x01\x00v\x00{'descr': '<u2', 'fortran_order': False, 'shape': (100,), }", 69) + std::string(58, ' ') + "\n";

std::string npy(const std::string& dictionary) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dictionary.size()) + std::string(1, '\0') + dictionary;
}
std::string npy_problem(const std::string& dictionary) {
  return header_problem([&] { parse_npy_header(bytes(npy(dictionary)), "x"); });
}

}  // namespace

TEST_CASE("numpy's header is read and written byte for byte") {
  REQUIRE(by_numpy.size() == 128);
  const FlatHeader header = parse_npy_header(bytes(by_numpy), "x");
  CHECK(header.dtype == TokenDtype::u16);
  CHECK(header.tokens == 100);
  CHECK(header.bytes == by_numpy);
  CHECK(npy_header_bytes_of(TokenDtype::u16, 100) == by_numpy);
  for (TokenDtype dtype : all_token_dtypes) {
    const FlatHeader again = parse_npy_header(bytes(npy_header_bytes_of(dtype, 1'000'000'000'000)), "x");
    CHECK(again.dtype == dtype);
    CHECK(again.tokens == 1'000'000'000'000);
  }
  CHECK(parse_npy_header(bytes(npy("{'shape':(7,),'fortran_order':True,'descr':'|u1'}")), "x").tokens == 7);
}

TEST_CASE("a numpy header that holds no token ids is refused") {
  CHECK(npy_problem("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }") ==
        "holds elements of type '<f4'; token ids are little-endian integers");
  CHECK(npy_problem("{'descr': '>u2', 'fortran_order': False, 'shape': (5,), }") ==
        "holds elements of type '>u2'; token ids are little-endian integers");
  CHECK(npy_problem("{'descr': '<u2', 'fortran_order': False, 'shape': (5, 2), }") == "has the shape (5, 2); token ids stand in one dim");
  CHECK(npy_problem("{'descr': '<u2', 'fortran_order': False, 'shape': (-5,), }") == "has the shape (-5,); token ids stand in one dim");
  CHECK(npy_problem("{'descr': '<u2', 'shape': (5,), }") == "has a numpy header without a plain 'fortran_order'");
  CHECK(npy_problem("{'descr': '<u2', 'descr': '<u4', 'fortran_order': False, 'shape': (5,), }") ==
        "has a numpy header without a plain 'descr'");
  CHECK(header_problem([&] { parse_npy_header(bytes(by_numpy.substr(0, 100)), "x"); }) ==
        "has a numpy header of 128 bytes that it does not hold");
  CHECK(header_problem([&] { parse_npy_header(bytes("\x93NUMP"), "x"); }) == "has no numpy header");
  std::string version = by_numpy;
  version[6] = 9;
  CHECK(header_problem([&] { parse_npy_header(bytes(version), "x"); }) == "has numpy's format 9, known are 1 to 3");
}

TEST_CASE("the header of llm.c is read and written byte for byte") {
  std::string gpt2(1024, '\0');
  const std::int32_t fields[] = {20240520, 1, 5000};
  gpt2.replace(0, sizeof fields, reinterpret_cast<const char*>(fields), sizeof fields);
  const FlatHeader header = parse_llmc_header(bytes(gpt2), "x");
  CHECK(is_llmc(bytes(gpt2)));
  CHECK(header.dtype == TokenDtype::u16);
  CHECK(header.tokens == 5000);
  CHECK(header.bytes == gpt2);
  CHECK(llmc_header_bytes_of(TokenDtype::u16, 5000) == gpt2);
  CHECK(parse_llmc_header(bytes(llmc_header_bytes_of(TokenDtype::u32, 7)), "x").dtype == TokenDtype::u32);
}

TEST_CASE("a header that llm.c does not know is refused") {
  const std::string good = llmc_header_bytes_of(TokenDtype::u16, 5);
  const auto changed = [&](std::size_t place, char value) {
    std::string text = good;
    text[place] = value;
    return header_problem([&] { parse_llmc_header(bytes(text), "x"); });
  };
  CHECK(changed(4, 2) == "has llm.c's version 2, not 1");
  CHECK(changed(11, '\x80') == "says that it holds -2147483643 tokens");
  CHECK(changed(0, 1) == "begins with 20240385, which is no magic number of llm.c");
  CHECK(header_problem([&] { parse_llmc_header(bytes(good.substr(0, 1000)), "x"); }) == "is shorter than the header of llm.c");
  CHECK(header_problem([] { llmc_header_bytes_of(TokenDtype::i64, 5); }) == "llm.c cannot read int64");
  CHECK(header_problem([] { llmc_header_bytes_of(TokenDtype::u16, std::int64_t{1} << 31); }) ==
        "2147483648 tokens are more than a file of llm.c can say");
}
