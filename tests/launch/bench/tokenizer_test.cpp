// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/tokenizer.hpp"

#include <filesystem>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Contains;

namespace {

// 256 single bytes and nothing else: ids are bytes, so what the package ought to answer can be worked out here.
std::string byte_ranks() {
  static constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string ranks;
  for (int byte = 0; byte < 256; ++byte) ranks += fmt::format("{}{}== {}\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
  return ranks;
}

struct Bench {
  test::TemporaryFolder folder;
  TokenizerJob job;

  Bench() {
    test::write_file(folder / "ranks", byte_ranks());
    test::write_file(folder / "text", "one line\nand another\n\nlast");
    job.file = {"tiktoken:" + folder / "ranks", "<end>", "gpt2"};
    job.text = folder / "text";
    job.rounds = 2;
  }
  // A program that answers with this instead of Python.
  void answer(const std::string& text) {
    test::write_file(folder / "python", "#!/bin/sh\necho '" + text + "'\n");
    std::filesystem::permissions(folder / "python", std::filesystem::perms::owner_all);
    job.against = "package";
    job.python = folder / "python";
  }
  std::string right_sha256() const {
    std::vector<std::int32_t> ids;
    for (const char c : test::read_file(folder / "text")) ids.push_back(static_cast<unsigned char>(c));
    return sha256_hex({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])});
  }
};

}  // namespace

TEST_CASE("bench_tokenizer: a row of MB/s, and the package's as its baseline when the ids are equal") {
  Bench bench;
  const auto alone = bench_tokenizer(bench.job);
  CHECK(alone["cases"][0]["tokens"] == 26);
  CHECK(alone["cases"][0]["ratio"].is_null());
  CHECK_THAT(bench_tokenizer_text(alone), Contains("26 ids of 26 bytes"));

  bench.answer(fmt::format(R"({{"version": "rival 1", "seconds": [0.5], "tokens": 26, "sha256": "{}"}})", bench.right_sha256()));
  bench.job.document_bytes = 10;
  const auto compared = bench_tokenizer(bench.job);
  CHECK(compared["cases"][0]["baseline"]["value"].get<double>() == Approx(26e-6 / 0.5));
  CHECK(compared["cases"][0]["baseline"]["name"] == "rival 1, one thread");
  CHECK_THAT(bench_tokenizer_text(compared), Contains("(rival 1, one thread)"));
}

TEST_CASE("bench_tokenizer: other ids, no answer and what cannot be asked are errors") {
  Bench bench;
  bench.answer(R"({"version": "rival 1", "seconds": [0.5], "tokens": 26, "sha256": "0"})");
  CHECK_THROWS_WITH(bench_tokenizer(bench.job), Contains("rival 1 gives other ids"));
  bench.answer("{}");
  CHECK_THROWS_WITH(bench_tokenizer(bench.job), Contains("the answer of the package has no speed"));
  bench.job.python.clear();
  CHECK_THROWS_WITH(bench_tokenizer(bench.job), Contains("the package runs in a Python that is to be named"));
  test::write_file(bench.folder / "text", "\xFF");
  CHECK_THROWS_WITH(bench_tokenizer(bench.job), Contains("is empty or not UTF-8"));
}
