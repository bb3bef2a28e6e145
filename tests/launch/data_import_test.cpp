// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/data_commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("an import counts documents, tokens and bytes") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");

  const DataResult imported = ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2 --json");

  REQUIRE(imported.status == 0);
  const auto summary = nlohmann::json::parse(imported.out);
  CHECK(summary["schema"] == "ergon.data_import.v1");
  CHECK(summary["documents"] == 300);
  CHECK(summary["tokens"].get<std::int64_t>() == summary["bytes"].get<std::int64_t>() + 300);
}

TEST_CASE("a SentencePiece model is trained in silence") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");

  const DataResult result = ergon_data(folder, "import in.txt -o a.h5 --tokenizer sentencepiece --vocab 320");

  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK_THAT(result.out, Contains("(sentencepiece, vocabulary 320)") && Contains("no document fell into the validation split"));
}

TEST_CASE("an import refuses what it cannot do, and says the way out") {
  TemporaryFolder folder;
  make_store(folder);
  const std::string text = folder / "in.txt", store = folder / "a.h5", other = folder / "b.h5";
  const auto refusal = [](const std::vector<std::string>& arguments) -> std::string {
    try {
      (void)call(command_data_import, "import", arguments);
    } catch (const Error& error) {
      return fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
    }
    return "accepted";
  };
  CHECK_THAT(refusal({text, "-o", store}), StartsWith("2: ") && Contains("--force"));
  CHECK_THAT(refusal({folder / "none.txt", "-o", other}), StartsWith("3: ") && Contains("does not exist"));
  CHECK_THAT(refusal({text}), StartsWith("2: ") && Contains("--output"));
  CHECK_THAT(refusal({text, "-o", other, "--documents", "page"}), StartsWith("2: ") && Contains("file|blank-line"));
  CHECK_THAT(refusal({text, "-o", other, "--vocab", "320"}), Contains("add --tokenizer sentencepiece"));
  CHECK_THAT(refusal({text, "-o", other, "--tokenizer", "sentencepiece", "--train-text", "9223372036854775807"}), Contains("out of range"));
}

TEST_CASE("an import that is forced replaces the store, and a refused one has the code of its reason") {
  TemporaryFolder folder;
  make_store(folder);
  CHECK(ergon_data(folder, "import in.txt -o a.h5").status == 2);
  CHECK(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --force").status == 0);
  CHECK_THAT(ergon_data(folder, "import --help").out, Contains("--tokenizer"));
}

TEST_CASE("an import with a tokenizer's file gives a store that decodes with it, and refuses what goes with no file") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");
  // The 256 bytes and nothing else.
  static constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string ranks;
  for (int byte = 0; byte < 256; ++byte) ranks += fmt::format("{}{}== {}\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
  write_file(folder / "bytes.tiktoken", ranks);
  const std::string import = "import in.txt -o a.h5 --documents blank-line --tokenizer ";

  const DataResult made = ergon_data(folder, import + "tiktoken:bytes.tiktoken --tokenizer-pattern o200k --end-of-document <end>");

  CHECK(made.status == 0);
  CHECK_THAT(made.out, Contains("(tiktoken, vocabulary 257)"));
  CHECK(ergon_data(folder, "verify a.h5").status == 0);
  CHECK_THAT(ergon_data(folder, "inspect a.h5").out, Contains("tiktoken"));
  CHECK_THAT(ergon_data(folder, import + "bytes.tiktoken --force").err, Contains("--tokenizer-pattern gpt2|cl100k|o200k|llama3"));
  CHECK_THAT(ergon_data(folder, import + "bytes --end-of-document x --force").err,
             Contains("--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file"));
}
