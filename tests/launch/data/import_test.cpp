// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/data/commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("an import counts documents, tokens and bytes") {
  const auto summary = nlohmann::json::parse(text_store().summary);
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
  const TemporaryFolder& folder = text_store().folder;
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
  for (const char* key : {"--max-document", "--shard-size", "--threads"})
    CHECK_THAT(refusal({text, "-o", other, key, "-1"}), StartsWith("2: ") && Contains(key) && Contains("out of range"));
  CHECK_THAT(refusal({text, "-o", other, "--invalid-utf8", "keep"}), StartsWith("2: ") && Contains("replace|drop|refuse"));
  CHECK_THAT(refusal({text, "-o", other, "--format", "csv"}), StartsWith("2: ") && Contains("by-name|text|jsonl"));
}

TEST_CASE("an import that is forced replaces the store, and a refused one has the code of its reason") {
  const TemporaryFolder& folder = text_store().folder;
  std::filesystem::copy_file(folder / "a.h5", folder / "forced.h5");
  CHECK(ergon_data(folder, "import in.txt -o forced.h5").status == 2);
  CHECK(ergon_data(folder, "import in.txt -o forced.h5 --documents blank-line --force").status == 0);
  CHECK(read_file(folder / "forced.h5") != read_file(folder / "a.h5"));
  const Called help = call(command_data_import, "import", {"--help"});
  CHECK_THAT(help.text, Contains("--tokenizer"));
}

TEST_CASE("what was left out is counted with its reason") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in");
  for (const auto& [name, text] : {std::pair("a", "one"), std::pair("b", ""), std::pair("c", "b\xFF\xFE"), std::pair("d", "one")})
    write_file(folder / (std::string("in/") + name), text);
  const DataResult replaced = ergon_data(folder, "import in -o a.h5 --deduplicate");
  CHECK_THAT(replaced.out, Contains("2 documents of 4 files") && Contains("1 empty documents left out") &&
                               Contains("1 documents left out that repeat an earlier one") &&
                               Contains("2 sequences that are not UTF-8 (2 bytes) replaced by U+FFFD, in 1 documents"));
  const auto dropped = nlohmann::json::parse(ergon_data(folder, "import in -o b.h5 --invalid-utf8 drop --threads 2 --json").out);
  CHECK(dropped["documents"] == 2);
  CHECK(dropped["empty_documents"] == 1);
  CHECK(dropped["duplicate_documents"] == 0);
  CHECK(dropped["invalid_documents"] == 1);
  CHECK(dropped["replaced_sequences"] == 2);
  CHECK(dropped["replaced_bytes"] == 2);
  CHECK_THAT(ergon_data(folder, "import in -o c.h5 --invalid-utf8 drop").out, Contains("1 documents left out that are not UTF-8"));
  const DataResult refused = ergon_data(folder, "import in -o d.h5 --invalid-utf8 refuse");
  CHECK(refused.status == 3);
  CHECK_THAT(refused.err, Contains("in/c:1: holds a document that is not UTF-8") &&
                              Contains("what was done is kept in d.ingest, but the same line would be refused again") &&
                              Contains("--fresh --invalid-utf8 replace repairs it"));
}

TEST_CASE("a dataset is imported, inspected, verified and measured, its documents are numbered over all shards") {
  TemporaryFolder folder;
  std::string text;
  for (int p = 0; p < 15'000; ++p) text += "Paragraph number " + std::to_string(p) + " says that work is counted.\n\n";
  write_file(folder / "in.txt", text);
  const DataResult result = ergon_data(folder, "import in.txt -o d.h5 --documents blank-line --shard-size 1");
  CHECK(result.status == 0);
  CHECK_THAT(result.out, StartsWith("d.json: 15000 documents") && Contains("2 shards"));

  const auto inspected = nlohmann::json::parse(ergon_data(folder, "inspect d.json --json").out);
  const std::int64_t tokens = inspected["attributes"]["n_tokens"];
  CHECK(inspected["attributes"]["n_docs"] == 15'000);
  CHECK(inspected["shards"].size() == 2);
  CHECK(inspected["splits"]["train"]["documents"].get<int>() + inspected["splits"]["valid"]["documents"].get<int>() == 15'000);
  CHECK_THAT(ergon_data(folder, "inspect d.json").out, Contains("shard ./d-00001.h5"));
  const auto verified = nlohmann::json::parse(ergon_data(folder, "verify d.json --json").out);
  CHECK(verified["uuid"] == inspected["attributes"]["uuid"]);
  CHECK(verified["tokens"] == tokens);
  CHECK_THAT(ergon_data(folder, "bigram d.json --max-tokens 20000").out, Contains("nats per token on the validation split"));

  int behind_first = 0;
  const auto sample = nlohmann::json::parse(ergon_data(folder, "sample d.json -n 40 --json").out);
  for (const auto& document : sample["documents"]) {
    const int number = document["document"];
    behind_first += number >= inspected["shards"][0]["n_docs"].get<int>();
    CHECK_THAT(document["text"].get<std::string>(), StartsWith("Paragraph number " + std::to_string(number) + " says"));
  }
  CHECK(behind_first > 0);
  const auto stats = nlohmann::json::parse(ergon_data(folder, "stats d.json --json").out);
  CHECK(stats["documents"] == 15'000);
  CHECK(stats["tokens"] == tokens);
  CHECK(stats["duplicate_documents"] == 0);
  CHECK_THAT(ergon_data(folder, "export-ids d.json -o all.bin --to nanogpt").out, StartsWith("all.bin: 15000 documents"));
  const std::string ids = read_file(folder / "all.bin");
  std::string decoded;
  for (std::size_t i = 0; i < ids.size(); i += 2) decoded += ids[i + 1] == 0 ? ids[i] : '\n';
  CHECK(std::ssize(ids) == 2 * tokens);
  CHECK_THAT(decoded.substr(decoded.size() - 60), Contains("Paragraph number 14999 says"));
  CHECK_THAT(ergon_data(folder, "export-ids d.json -o original").err, Contains("was made from text"));

  flip_bit(folder / "d-00001.h5", 500'000);
  CHECK(ergon_data(folder, "verify d.json").status == 3);
  std::filesystem::remove(folder / "d-00001.h5");
  CHECK_THAT(ergon_data(folder, "verify d.json").err, Contains("d-00001.h5: does not exist") && Contains("d.json lists it"));
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

  const DataResult made = ergon_data(folder, import + "tiktoken:bytes.tiktoken --tokenizer-pattern o200k --end-of-document '<end>'");

  CHECK(made.status == 0);
  CHECK_THAT(made.out, Contains("(tiktoken, vocabulary 257)"));
  CHECK(ergon_data(folder, "verify a.h5").status == 0);
  CHECK_THAT(ergon_data(folder, "inspect a.h5").out, Contains("tiktoken"));
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {folder / "in.txt", "-o", folder / "b.h5"});
    return call(command_data_import, "import", words);
  };
  CHECK_THROWS_WITH(refused({"--tokenizer", folder / "bytes.tiktoken"}), Contains("--tokenizer-pattern gpt2|cl100k|o200k|llama3"));
  CHECK_THROWS_WITH(refused({"--tokenizer", "bytes", "--end-of-document", "x"}),
                    Contains("--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file"));
}
