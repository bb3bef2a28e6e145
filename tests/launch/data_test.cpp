// SPDX-License-Identifier: Apache-2.0
// `ergon data` as a person types it.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using ergon::test::flip_bit;
using ergon::test::read_file;
using ergon::test::TemporaryFolder;
using ergon::test::write_file;

namespace {

struct Result {
  int status;
  std::string out, err;
};

Result ergon_data(const TemporaryFolder& folder, const std::string& arguments) {
  const std::string command =
      "cd '" + folder.path() + "' && '" + std::string(getenv("ERGON_BINARY")) + "' data " + arguments + " > out.txt 2> err.txt";
  const int status = system(command.c_str());
  return {WEXITSTATUS(status), read_file(folder / "out.txt"), read_file(folder / "err.txt")};
}

bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text << "\npart: " << part);
  return text.find(part) != std::string::npos;
}

std::string paragraphs(int count) {
  std::string text;
  for (int p = 0; p < count; ++p) text += "Paragraph number " + std::to_string(p) + " says that work is counted.\nIt says so twice.\n\n";
  return text;
}

}  // namespace

TEST_CASE("import, inspect, verify and bigram of one text") {
  TemporaryFolder folder;
  write_file(folder / "in.txt", paragraphs(300));

  const Result imported = ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2 --json");
  REQUIRE(imported.status == 0);
  const auto summary = nlohmann::json::parse(imported.out);
  CHECK(summary["schema"] == "ergon.data_import.v1");
  CHECK(summary["documents"] == 300);
  CHECK(summary["tokens"].get<std::int64_t>() == summary["bytes"].get<std::int64_t>() + 300);

  const auto inspected = nlohmann::json::parse(ergon_data(folder, "inspect a.h5 --json").out);
  CHECK(inspected["attributes"]["uuid"] == summary["uuid"]);
  CHECK(inspected["attributes"]["vocab_size"] == 257);
  for (const char* split : {"train", "valid", "test"}) CHECK(inspected["splits"][split] == summary["splits"][split]);
  CHECK(inspected["first_text"].get<std::string>().starts_with("Paragraph number 0 says"));
  CHECK(contains(ergon_data(folder, "inspect a.h5").out, "Paragraph number 0 says"));

  CHECK(contains(ergon_data(folder, "verify a.h5").out, "a.h5: sound ("));
  CHECK(nlohmann::json::parse(ergon_data(folder, "verify a.h5 --json").out)["tokens"] == summary["tokens"]);
  const auto bigram = nlohmann::json::parse(ergon_data(folder, "bigram a.h5 --json").out);
  CHECK(bigram["nats_per_token"].get<double>() < bigram["unigram_nats_per_token"].get<double>());
  CHECK(contains(ergon_data(folder, "bigram a.h5").out, "nats per token on the validation split"));
}

TEST_CASE("a SentencePiece model is trained in silence") {
  TemporaryFolder folder;
  write_file(folder / "in.txt", paragraphs(300));

  const Result result = ergon_data(folder, "import in.txt -o a.h5 --tokenizer sentencepiece --vocab 320");

  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK(contains(result.out, "(sentencepiece, vocabulary 320)"));
  CHECK(contains(result.out, "no document fell into the validation split"));
}

TEST_CASE("refusals name the thing, the way out, and carry the exit code") {
  TemporaryFolder folder;
  write_file(folder / "in.txt", paragraphs(300));
  REQUIRE(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line").status == 0);

  const Result existing = ergon_data(folder, "import in.txt -o a.h5");
  CHECK(existing.status == 2);
  CHECK(contains(existing.err, "--force"));
  CHECK(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --force").status == 0);
  CHECK(ergon_data(folder, "import none.txt -o b.h5").status == 3);
  CHECK(ergon_data(folder, "import in.txt").status == 2);
  CHECK(ergon_data(folder, "import in.txt -o b.h5 --documents page").status == 2);
  CHECK(contains(ergon_data(folder, "import in.txt -o b.h5 --vocab 320").err, "add --tokenizer sentencepiece"));
  CHECK(
      contains(ergon_data(folder, "import in.txt -o b.h5 --tokenizer sentencepiece --train-text 9223372036854775807").err, "out of range"));
  CHECK(contains(ergon_data(folder, "bigram a.h5 --max-tokens -1").err, "--max-tokens: -1 tokens are too few"));
  CHECK(ergon_data(folder, "frobnicate").status == 2);
  CHECK(ergon_data(folder, "--help").status == 0);
  CHECK(contains(ergon_data(folder, "import --help").out, "--tokenizer"));

  flip_bit(folder / "a.h5", static_cast<std::int64_t>(std::filesystem::file_size(folder / "a.h5")) / 2);
  const Result damaged = ergon_data(folder, "verify a.h5");
  CHECK(damaged.status == 3);
  CHECK(contains(damaged.err, "does not match its checksum"));
}
