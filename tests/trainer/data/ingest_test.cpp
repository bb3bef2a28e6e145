// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/ingest.hpp"

#include <atomic>
#include <filesystem>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// Counts what it encodes; refuses one text.
class CountingTokenizer final : public Tokenizer {
 public:
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    ++encoded;
    if (text == refused) throw Error("refused: " + std::string(text), "test", "", ExitCode::data);
    bytes_->encode(text, ids);
  }
  std::string decode(std::span<const std::int32_t>) const override { return ""; }
  std::string kind() const override { return "bytes"; }
  std::string definition() const override { return ""; }
  std::int64_t vocabulary() const override { return 257; }
  std::int32_t eod() const override { return 256; }
  std::int32_t bos() const override { return -1; }
  std::int32_t pad() const override { return -1; }

  mutable std::atomic<int> encoded{0};
  std::string refused;

 private:
  std::unique_ptr<Tokenizer> bytes_ = make_bytes_tokenizer();
};

// 200 files of a document each, in units of 1000 bytes.
struct Setting {
  Setting() {
    std::filesystem::create_directories(folder / "in");
    std::filesystem::create_directories(folder / "spool");
    for (int f = 0; f < 200; ++f) write_file(folder / fmt::format("in/{:03}", f), fmt::format("text {:0{}}", f, 20 + f % 50));
  }

  std::vector<SegmentCounts> run(int threads, const std::string& spool_folder = "spool") {
    documents.inputs = {folder / "in"};
    const InputFiles files(documents.inputs, documents.format);
    UnitReader reader(files, documents, storage, 1000);
    std::filesystem::create_directories(folder / spool_folder);
    const Spool spool(folder / spool_folder, {}, 2, storage);
    return ingest(reader, {files, documents, tokenizer, invalid, {0.2, 0.1}, threads}, spool,
                  [&](const ImportProgress& now) { last = now; });
  }

  TemporaryFolder folder;
  Storage storage;
  DocumentOptions documents;
  CountingTokenizer tokenizer;
  InvalidUtf8 invalid = InvalidUtf8::replace;
  ImportProgress last{"", {}, {}};
};

}  // namespace

TEST_CASE("segments are the same for any number of workers, and are made once") {
  Setting one;
  const auto units = one.run(1);
  CHECK(units.size() > 5);
  CHECK(one.tokenizer.encoded == 200);
  CHECK(std::string(one.last.phase) == "import");
  CHECK(one.last.done == one.last.total);
  CHECK(one.last.documents == 200);
  for (int threads : {2, 8}) {
    const std::string name = "spool" + std::to_string(threads);
    CHECK(one.run(threads, name).size() == units.size());
    for (const std::string& segment : one.storage.list(one.folder / "spool"))
      CHECK(read_file(one.folder / ("spool/" + segment)) == read_file(one.folder / (name + "/" + segment)));
  }
  one.tokenizer.encoded = 0;
  one.storage.unlink(one.folder / "spool/unit_0000000003");
  CHECK(one.run(2).size() == units.size());
  CHECK(one.tokenizer.encoded == units[3].documents);
}

TEST_CASE("the error of the first unit that fails is given, whichever worker was faster") {
  for (int threads : {1, 4}) {
    Setting setting;
    write_file(setting.folder / "in/100", "\xFF");
    write_file(setting.folder / "in/150", "\xFF");
    setting.invalid = InvalidUtf8::refuse;
    CHECK(contains(problem_of([&] { setting.run(threads); }), "in/100:1: holds a document that is not UTF-8"));
  }
  Setting setting;
  setting.tokenizer.refused = "text 00000000000000000017";
  write_file(setting.folder / "in/17", setting.tokenizer.refused);
  CHECK(contains(problem_of([&] { setting.run(2); }), "refused: text"));
}

TEST_CASE("what the reader refuses comes after what it read before") {
  Setting setting;
  write_file(setting.folder / "in/050", "\xFF");
  write_file(setting.folder / "in/zzz", std::string(3000, 'x'));
  setting.documents.max_document = 2000;
  CHECK(contains(problem_of([&] { setting.run(3); }), "zzz:1: holds a document of more than 2000 bytes"));
  setting.invalid = InvalidUtf8::refuse;
  CHECK(contains(problem_of([&] { setting.run(3, "other"); }), "in/050:1: holds a document that is not UTF-8"));
}

TEST_CASE("documents that are not UTF-8 are repaired or left out, and counted both ways") {
  for (const InvalidUtf8 invalid : {InvalidUtf8::replace, InvalidUtf8::drop}) {
    Setting setting;
    write_file(setting.folder / "in/010", "a\xFF\xE2\x82 b\xFF");
    write_file(setting.folder / "in/020", "");
    setting.invalid = invalid;
    SegmentCounts all;
    for (const SegmentCounts& unit : setting.run(2)) {
      all.documents += unit.documents;
      all.empty_documents += unit.empty_documents;
      all.invalid_documents += unit.invalid_documents;
      all.repaired_documents += unit.repaired_documents;
      all.replaced_sequences += unit.replaced_sequences;
      all.replaced_bytes += unit.replaced_bytes;
    }
    const bool replaced = invalid == InvalidUtf8::replace;
    CHECK(all.documents == (replaced ? 199 : 198));
    CHECK(all.empty_documents == 1);
    CHECK(all.repaired_documents == (replaced ? 1 : 0));
    CHECK(all.invalid_documents == (replaced ? 0 : 1));
    CHECK(all.replaced_sequences == 3);
    CHECK(all.replaced_bytes == 4);
  }
}
