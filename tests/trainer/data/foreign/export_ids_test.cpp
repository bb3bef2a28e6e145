// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/export_ids.hpp"

#include "tests/trainer/data/foreign/foreign_fixture.hpp"
#include "trainer/data/foreign/import_ids.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

void import_to(const std::string& input, const std::string& output, Storage& storage, std::optional<TokenDtype> dtype = {}) {
  import_ids({.input = input, .output = output, .dtype = dtype, .eod = 50, .existing = Existing::replace}, storage);
}

}  // namespace

TEST_CASE("what was imported is exported byte for byte") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto ids = some_ids(300);
  write_file(folder / "nanogpt.bin", encoded(TokenDtype::u16, ids));
  write_file(folder / "gpt2.bin", llmc_header_bytes_of(TokenDtype::u16, 300) + encoded(TokenDtype::u16, ids));
  write_file(folder / "llama3.bin", llmc_header_bytes_of(TokenDtype::u32, 300) + encoded(TokenDtype::u32, ids));
  // A header that this program would not write: another order of keys, an odd length.
  const std::string dictionary = "{'shape':(300,),'fortran_order':False,'descr':'<i8'}";
  write_file(folder / "numpy.npy", std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dictionary.size()) + std::string(1, '\0') +
                                       dictionary + encoded(TokenDtype::i64, ids));
  for (const char* name : {"nanogpt.bin", "gpt2.bin", "llama3.bin", "numpy.npy"}) {
    INFO(name);
    import_to(folder / name, folder / "a.h5", storage);
    const auto summary =
        export_ids(open_stores({folder / "a.h5"}, storage), {.output = folder / "again", .existing = Existing::replace}, storage);
    CHECK(read_file(folder / "again") == read_file(folder / name));
    CHECK(summary.tokens == 300);
  }
  write_file(folder / "raw.npy", encoded(TokenDtype::u32, ids));
  import_to(folder / "raw.npy", folder / "a.h5", storage, TokenDtype::u32);
  export_ids(open_stores({folder / "a.h5"}, storage), {.output = folder / "again", .existing = Existing::replace}, storage);
  CHECK(read_file(folder / "again") == read_file(folder / "raw.npy"));

  write_file(folder / "m.bin", encoded(TokenDtype::i32, {ids.begin(), ids.begin() + 17}));
  write_file(folder / "m.idx", text_of(megatron_index_bytes(some_index())));
  import_to(folder / "m", folder / "a.h5", storage);
  export_ids(open_stores({folder / "a.h5"}, storage), {.output = folder / "n"}, storage);
  CHECK(read_file(folder / "n.bin") == read_file(folder / "m.bin"));
  CHECK(read_file(folder / "n.idx") == read_file(folder / "m.idx"));
}

TEST_CASE("an index never stands beside the tokens of another export") {
  struct Failing : InspectingStorage {
    File create(const std::string& path) override {
      if (path.ends_with(".idx.tmp")) throw Error("no space left on device", path, "", ExitCode::data);
      return InspectingStorage::create(path);
    }
  } failing;
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"one"}}, storage);
  make_store(folder / "b.h5", {{"two"}, {"three"}}, storage);
  const auto exported = [&](const char* name, Storage& on) {
    export_ids(open_stores({folder / name}, storage),
               {.output = folder / "out", .format = ForeignFormat::megatron, .existing = Existing::replace}, on);
  };
  exported("a.h5", storage);
  CHECK(contains(problem_of([&] { exported("b.h5", failing); }), "no space left on device"));
  CHECK(storage.exists(folder / "out.bin"));
  CHECK_FALSE(storage.exists(folder / "out.idx"));
}

TEST_CASE("a store of text goes into every format, whole or a split of it") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"one"}, {"four", Split::validation}, {"five six"}}, storage);
  const TokenStores stores = open_stores({folder / "a.h5"}, storage);
  std::vector<std::int32_t> whole(18), train = {'o', 'n', 'e', 256, 'f', 'i', 'v', 'e', ' ', 's', 'i', 'x', 256};
  stores.front()->read(0, whole);
  const auto exported = [&](ForeignFormat format, std::optional<Split> split = {}) {
    return export_ids(stores, {.output = folder / "out", .format = format, .split = split, .existing = Existing::replace}, storage);
  };

  exported(ForeignFormat::nanogpt);
  CHECK(read_file(folder / "out") == encoded(TokenDtype::u16, whole));
  CHECK(exported(ForeignFormat::nanogpt, Split::train).documents == 2);
  CHECK(read_file(folder / "out") == encoded(TokenDtype::u16, train));
  exported(ForeignFormat::llmc);
  CHECK(all_ids(open_foreign(folder / "out", {}, {}, storage), storage) == whole);
  exported(ForeignFormat::olmo, Split::train);
  CHECK(read_file(folder / "out") == npy_header_bytes_of(TokenDtype::u16, 13) + encoded(TokenDtype::u16, train));
  exported(ForeignFormat::megatron);
  const ForeignFile megatron = open_foreign(folder / "out", {}, {}, storage);
  CHECK(megatron.dtype == TokenDtype::u16);
  CHECK(megatron.index.lengths == std::vector<std::int32_t>{4, 5, 9});
  CHECK(megatron.index.documents == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(all_ids(megatron, storage) == whole);
}

TEST_CASE("what a format cannot hold is refused before anything is written") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", {{"one"}}, storage);
  const TokenStores stores = open_stores({folder / "a.h5"}, storage);
  const auto refused = [&](IdsExportOptions options) {
    options.output = folder / "out";
    return problem_of([&] { export_ids(stores, options, storage); }, ExitCode::config);
  };
  CHECK(contains(refused({}), "was made from text: it has no original files of ids"));
  CHECK(contains(refused({.format = ForeignFormat::nanogpt, .split = Split::test}), "has no document in its split test"));
  CHECK(contains(refused({.format = ForeignFormat::nanogpt, .dtype = TokenDtype::u8}), "id 256 does not fit into uint8"));
  CHECK(contains(refused({.format = ForeignFormat::llmc, .dtype = TokenDtype::i32}), "llm.c cannot read int32"));
  CHECK(storage.list(folder.path()) == std::vector<std::string>{"a.h5"});
  write_file(folder / "out", "x");
  CHECK(contains(refused({.format = ForeignFormat::nanogpt}), "already exists"));

  write_file(folder / "b.bin", encoded(TokenDtype::u16, some_ids(60)));
  import_to(folder / "b.bin", folder / "b.h5", storage);
  CHECK(contains(
      problem_of([&] { export_ids(open_stores({folder / "b.h5"}, storage), {.output = folder / "c", .split = Split::train}, storage); },
                 ExitCode::config),
      "the original files are whole and in their own type"));
}
