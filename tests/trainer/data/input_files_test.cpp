// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/input_files.hpp"

#include <unistd.h>

#include <filesystem>

#include "tests/support/skip.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("the files of a folder are sorted by path, and inputs stand as they were given") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in/b");
  write_file(folder / "in/c.txt", "third");
  write_file(folder / "in/b/z.txt", "second");
  write_file(folder / "in/a.txt", "");
  write_file(folder / "extra.txt", "last");

  const InputFiles files({folder / "in/", folder / "extra.txt", "-"}, FormatRule::by_name);

  REQUIRE(files.size() == 5);
  const char* names[] = {"a.txt", "b/z.txt", "c.txt", "extra.txt", "-"};
  for (std::int64_t f = 0; f < 5; ++f) CHECK(files[f].name == names[f]);
  CHECK(read_file(files.path(1)) == "second");
  CHECK(read_file(files.path(3)) == "last");
  CHECK(files.path(4) == "-");
  CHECK(files.total_bytes() == 15);
  CHECK(files.reads_standard_input());
}

TEST_CASE("a link that leads nowhere is no file of a folder, wherever it stands in it") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in");
  for (const char* link : {"a", "b", "c", "d"}) std::filesystem::create_symlink(folder / "nowhere", folder / (std::string("in/") + link));
  write_file(folder / "in/text", "text");
  CHECK(InputFiles({folder / "in"}, FormatRule::by_name).size() == 1);
  for (const char* link : {"e", "f"}) std::filesystem::create_symlink(folder / "nowhere", folder / (std::string("in/") + link));
  CHECK(InputFiles({folder / "in"}, FormatRule::by_name).size() == 1);
}

TEST_CASE("a folder that may not be read is named") {
  if (geteuid() == 0) return skip("root reads every folder");
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in/deep");
  write_file(folder / "in/text", "text");
  std::filesystem::permissions(folder / "in/deep", std::filesystem::perms::none);
  const std::string problem = problem_of([&] { InputFiles({folder / "in"}, FormatRule::by_name); });
  std::filesystem::permissions(folder / "in/deep", std::filesystem::perms::owner_all);
  CHECK(contains(problem, "cannot be read (Permission denied)"));
}

TEST_CASE("format goes by the name before the compression, or by the rule") {
  TemporaryFolder folder;
  const auto format = [&](const char* name, FormatRule rule) {
    write_file(folder / name, "{}");
    return InputFiles({folder / name}, rule)[0].format;
  };
  for (const char* name : {"a.jsonl", "a.ndjson", "a.jsonl.gz", "a.jsonl.zst"}) {
    CHECK(format(name, FormatRule::by_name) == TextFormat::json_lines);
    CHECK(format(name, FormatRule::text) == TextFormat::text);
  }
  CHECK(format("a.json", FormatRule::by_name) == TextFormat::text);
  CHECK(format("a.gz", FormatRule::json_lines) == TextFormat::json_lines);
}

TEST_CASE("compression goes by the first bytes") {
  CHECK(compression_of("\x1f\x8b\x08", "a") == Compression::gzip);
  CHECK(compression_of("\x28\xb5\x2f\xfd", "a") == Compression::zstd);
  CHECK(compression_of("text", "a") == Compression::none);
  CHECK(compression_of("", "a") == Compression::none);
  for (const char* head : {"\xfd\x37\x7a\x58", "PK\x03\x04", "BZh9"})
    CHECK(contains(problem_of([&] { compression_of(head, "a"); }), "a: is compressed in a way that is not read here"));
}

TEST_CASE("the digest of a list changes with every name and size, not with the folder it lies in") {
  TemporaryFolder one, two;
  for (const auto* folder : {&one, &two}) {
    std::filesystem::create_directories(*folder / "in");
    write_file(*folder / "in/a", "12");
  }
  const auto digest = [](const TemporaryFolder& folder) { return InputFiles({folder / "in"}, FormatRule::by_name).digest(); };
  CHECK(digest(one) == digest(two));
  write_file(two / "in/a", "123");
  CHECK(digest(one) != digest(two));
  write_file(one / "in/a", "123");
  write_file(one / "in/b", "");
  CHECK(digest(one) != digest(two));
}

TEST_CASE("inputs that are absent, empty, no file, or standard input twice are refused") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "empty");
  const auto problem = [](std::vector<std::string> inputs, ExitCode code) {
    return problem_of([&] { InputFiles files(std::move(inputs), FormatRule::by_name); }, code);
  };
  CHECK(contains(problem({folder / "none"}, ExitCode::data), "none: does not exist"));
  CHECK(contains(problem({folder / "empty"}, ExitCode::data), "holds no file"));
  CHECK(contains(problem({"/dev/null"}, ExitCode::data), "/dev/null: is not a file"));
  CHECK(contains(problem({"-", "-"}, ExitCode::config), "standard input stands on the line twice"));
}
