// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store.hpp"

#include <hdf5.h>

#include <filesystem>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/hdf5.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Hdf5Extent extent(const std::string& path, const std::string& dataset, Hdf5Type type, int rank = 1) {
  return read_hdf5_contents(path, {dataset}).dataset(dataset, type, rank, path);
}

void put(const std::string& path, std::int64_t offset, const void* data, std::size_t size) {
  std::fstream(path, std::ios::binary | std::ios::in | std::ios::out)
      .seekp(offset)
      .write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

void set_attribute(const std::string& path, const char* name, const std::string& text, std::int64_t number) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), attribute = H5Aopen(file, name, H5P_DEFAULT),
              type = H5Aget_type(attribute);
  H5Awrite(attribute, type, text.empty() ? static_cast<const void*>(&number) : text.data());
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
}

// A store of fourteen blocks of 4 KiB.
std::string big_store(const TemporaryFolder& folder, Storage& storage) {
  std::string text(28'000, 'q');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  make_store(folder / "a.h5", {{text}, {"valid", Split::validation}}, storage);
  return folder / "a.h5";
}

}  // namespace

TEST_CASE("tokens are read as they were written, from any place") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const auto documents = some_documents(50);
  const TokenStoreInfo written = make_store(folder / "a.h5", documents, storage);
  std::vector<std::int32_t> expected;
  std::vector<std::uint64_t> offsets = {0};
  for (const TestDocument& document : documents) {
    for (char c : document.text) expected.push_back(c);
    expected.push_back(256);
    offsets.push_back(expected.size());
  }

  const TokenStore store(folder / "a.h5", storage);

  CHECK(store.info().uuid == written.uuid);
  CHECK(store.info().tokens == std::ssize(expected));
  CHECK(store.info().documents == 50);
  CHECK(store.info().token_bytes == 2);
  CHECK(std::vector<std::uint64_t>(store.offsets().begin(), store.offsets().end()) == offsets);
  for (std::size_t begin = 0; begin < expected.size(); begin += 97) {
    std::vector<std::int32_t> got(std::min<std::size_t>(150, expected.size() - begin));
    store.read(static_cast<std::int64_t>(begin), got);
    CHECK(std::equal(got.begin(), got.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)));
  }
  store.verify();
  CHECK(store.tokenizer()->kind() == "bytes");
}

TEST_CASE("a flipped bit is found by the block it lies in, when it is touched") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = big_store(folder, storage);
  flip_bit(path, extent(path, "/tokens/data", Hdf5Type::u16).offset + 2 * 4096 + 5);

  const TokenStore store(path, storage);
  std::vector<std::int32_t> window(100);

  store.read(0, window);
  store.read(2 * 2048 - 100, window);
  CHECK(contains(problem_of([&] { store.read(2 * 2048 - 99, window); }),
                 "block 2 of /tokens/data (tokens 4096 to 6143) does not match its checksum"));
  CHECK(contains(problem_of([&] { store.verify(); }), "1 of 14 blocks are damaged; the first: block 2"));
}

TEST_CASE("verification reads every block from the device") {
  TemporaryFolder folder;
  struct : InspectingStorage {
    void drop_cache(const File& file) override {
      calls += 'd';
      Storage::drop_cache(file);
    }
    void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
      calls += 'r';
      Storage::pread(file, data, offset);
    }
    std::string calls;
  } storage;
  const TokenStore store(big_store(folder, storage), storage);
  std::vector<std::int32_t> window(100);
  store.read(0, window);
  storage.calls.clear();
  store.verify();
  CHECK(storage.calls == "d" + std::string(14, 'r'));
}

TEST_CASE("every bit of a store is covered") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(9), storage);
  const std::string whole = read_file(folder / "a.h5");
  const Hdf5Extent data = extent(folder / "a.h5", "/tokens/data", Hdf5Type::u16);
  int accepted = 0;
  for (std::size_t at = 0; at < whole.size(); at += 37) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    write_file(folder / "b.h5", damaged);
    try {
      const TokenStore store(folder / "b.h5", storage);
      store.verify();
      std::vector<std::int32_t> tokens(static_cast<std::size_t>(store.info().tokens));
      store.read(0, tokens);
      ++accepted;
      CHECK((static_cast<std::int64_t>(at) < data.offset || static_cast<std::int64_t>(at) >= data.offset + data.bytes));
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
    }
  }
  // Bytes that HDF5 leaves unused between its structures mean nothing.
  INFO(accepted << " of " << whole.size() / 37);
  CHECK(accepted < static_cast<int>(whole.size()) / 74);
}

TEST_CASE("a truncated store, a folder and an empty file are refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = big_store(folder, storage), whole = read_file(path);
  write_file(folder / "empty.h5", "");
  for (std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{100}, std::size_t{8}}) {
    write_file(folder / "short.h5", whole.substr(0, size));
    CHECK(problem_of([&] { TokenStore store(folder / "short.h5", storage); }) != "no error");
  }
  CHECK(contains(problem_of([&] { TokenStore store(folder.path(), storage); }), "this is not an ordinary file"));
  CHECK(contains(problem_of([&] { TokenStore store(folder / "empty.h5", storage); }), "is not an HDF5 file (0 bytes"));
}

TEST_CASE("tables that contradict themselves are refused by name") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = folder / "a.h5";
  const auto damaged = [&](const std::string& dataset, Hdf5Type type, int rank, std::int64_t entry, std::uint64_t value) {
    make_store(path, some_documents(10), storage);
    const Hdf5Extent where = extent(path, dataset, type, rank);
    put(path, where.offset + entry * size_of(type), &value, static_cast<std::size_t>(size_of(type)));
    return problem_of([&] { TokenStore store(path, storage); });
  };

  CHECK(contains(damaged("/docs/offsets", Hdf5Type::u64, 1, 3, 1), "/docs/offsets does not grow at document 3"));
  CHECK(contains(damaged("/docs/offsets", Hdf5Type::u64, 1, 0, 1), "/docs/offsets runs from 1"));
  CHECK(contains(damaged("/docs/offsets", Hdf5Type::u64, 1, 10, 1), "/docs/offsets runs from 0 to 1"));
  CHECK(contains(damaged("/splits/train", Hdf5Type::u64, 2, 1, 7), "/splits do not cover each document once"));
  CHECK(contains(damaged("/splits/train", Hdf5Type::u64, 2, 1, 3), "/splits do not cover each document once"));
  CHECK(contains(damaged("/tokens/crc32c", Hdf5Type::u32, 1, 0, 1), "content hash is"));
  CHECK(contains(damaged("/sources", Hdf5Type::u8, 1, 0, 'x'), "content hash is"));
}

TEST_CASE("attributes that are wrong are refused by name") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = folder / "a.h5";
  const auto changed = [&](const char* name, const std::string& text, std::int64_t number) {
    make_store(path, some_documents(10), storage);
    set_attribute(path, name, text, number);
    return problem_of([&] { TokenStore store(path, storage); });
  };

  CHECK(contains(changed("ergon_format", "models", 0), "is not a token store"));
  CHECK(contains(changed("ergon_version", "", 3), "is a token store of version 3, this Ergon reads 1 to 2"));
  CHECK(contains(changed("ergon_version", "", 2), "says that its version is 2, what it holds is of version 1"));
  CHECK(contains(changed("vocab_size", "", 0), "vocab_size 0 is out of range"));
  CHECK(contains(changed("vocab_size", "", 70'000), "/tokens/data is not of type u32"));
  CHECK(contains(changed("eod_id", "", 257), "eod_id 257 is outside the vocabulary of 257"));
  CHECK(contains(changed("n_tokens", "", 5), "the attribute n_tokens says 5"));
  CHECK(contains(changed("n_docs", "", 5), "/docs/offsets has 11 entries for 5 documents"));
  CHECK(contains(changed("n_docs", "", INT64_MAX), "/docs/offsets has 11 entries for 9223372036854775807 documents"));
  CHECK(contains(changed("crc_block", "", 7), "crc_block 7 is out of range"));
  CHECK(contains(changed("crc_block", "", 512), "/tokens/crc32c has 1 entries"));
  CHECK(contains(changed("bos_id", "", 3), "content hash is"));
  CHECK(contains(changed("uuid", std::string(36, '0'), 0), "attributes or tables were changed"));
}

TEST_CASE("an id outside the vocabulary is found even where checksum and hash agree") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = folder / "a.h5";
  make_store(path, some_documents(10), storage);
  TokenStoreInfo info;
  TokenStoreTables tables;
  {
    const TokenStore store(path, storage);
    info = store.info();
    tables.offsets.assign(store.offsets().begin(), store.offsets().end());
    for (Split split : all_splits)
      tables.splits[static_cast<std::size_t>(split)].assign(store.split(split).begin(), store.split(split).end());
    tables.sources = store.sources();
  }
  const std::uint16_t id = 257;
  const Hdf5Extent data = extent(path, "/tokens/data", Hdf5Type::u16);
  put(path, data.offset + 2 * 40, &id, 2);
  const std::string bytes = read_file(path).substr(static_cast<std::size_t>(data.offset), static_cast<std::size_t>(data.bytes));
  tables.crc = {crc32c(bytes)};
  put(path, extent(path, "/tokens/crc32c", Hdf5Type::u32).offset, tables.crc.data(), 4);
  const std::string hash = content_hash(info, tables);
  set_attribute(path, "content_hash", hash, 0);
  set_attribute(path, "uuid", uuid_of(hash), 0);

  const TokenStore store(path, storage);

  std::vector<std::int32_t> window(1);
  CHECK(contains(problem_of([&] { store.read(0, window); }), "holds id 257, the vocabulary has 257"));
}

TEST_CASE("a missing dataset and data outside the file are refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = folder / "a.h5";
  write_file(folder / "outside", std::string(4096, 'x'));
  const auto edited = [&](const char* remove, bool external) {
    make_store(path, some_documents(10), storage);
    const std::int64_t tokens = TokenStore(path, storage).info().tokens;
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, remove, H5P_DEFAULT);
    if (external) {
      const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_external(creation, (folder / "outside").c_str(), 0, 4096);
      const auto size = static_cast<hsize_t>(tokens);
      const hid_t space = H5Screate_simple(1, &size, nullptr);
      H5Dclose(H5Dcreate2(file, remove, H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
      H5Sclose(space);
      H5Pclose(creation);
    }
    H5Fclose(file);
    return problem_of([&] { TokenStore store(path, storage); });
  };

  CHECK(contains(edited("/tokens/data", false), "has no /tokens/data"));
  CHECK(contains(edited("/docs/offsets", false), "has no /docs/offsets"));
  CHECK(contains(edited("/splits", false), "has no /splits/train"));
  CHECK(contains(edited("/tokens/data", true), "keeps its data in another file"));
}

namespace {

// Two documents in parts, the second without an eod, with answers and an origin.
TokenStoreInfo make_store_of_version_2(const std::string& path, Storage& storage, const ForeignOrigin& origin, std::int64_t answer) {
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(path, *tokenizer, storage, Existing::replace);
  writer.append(std::vector<std::int32_t>{5, 6});
  writer.append(std::vector<std::int32_t>{7, 256});
  writer.end_document(Split::train, answer);
  writer.end_document(Split::test, 0);
  writer.append(std::vector<std::int32_t>{8, 9});
  writer.end_document(Split::validation, 0);
  return writer.finish("{}", origin);
}

const ForeignOrigin some_origin = {R"({"format": "megatron"})", std::string("\0head", 5), {4, 0, 2}, {0, 2, 3}, {1, 0, 1}};

}  // namespace

TEST_CASE("a store of version 2 has answers and an origin; its documents may come in parts and lack an eod") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const TokenStoreInfo written = make_store_of_version_2(folder / "a.h5", storage, some_origin, 2);

  const TokenStore store(folder / "a.h5", storage);

  CHECK(store.info().documents == 2);
  CHECK(std::vector<std::uint64_t>(store.offsets().begin(), store.offsets().end()) == std::vector<std::uint64_t>{0, 4, 6});
  CHECK(std::vector<std::uint64_t>(store.answers().begin(), store.answers().end()) == std::vector<std::uint64_t>{2, 0});
  CHECK(store.foreign() == some_origin);
  CHECK(store.split(Split::validation).size() == 1);
  CHECK(store.split(Split::test).empty());
  ForeignOrigin other = some_origin;
  other.modes[0] = 0;
  CHECK(make_store_of_version_2(folder / "b.h5", storage, other, 2).uuid != written.uuid);
  CHECK(make_store_of_version_2(folder / "c.h5", storage, some_origin, 1).uuid != written.uuid);
}

TEST_CASE("optional tables are checked as the others are") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const std::string path = folder / "a.h5";
  const auto opened = [&] { return problem_of([&] { TokenStore(path, storage); }); };

  make_store_of_version_2(path, storage, some_origin, 4);
  CHECK(contains(opened(), "/docs/answers of document 0 lies behind its end"));
  make_store_of_version_2(path, storage, some_origin, 2);
  const std::uint64_t count = 1;
  put(path, extent(path, "/foreign/documents", Hdf5Type::u64).offset, &count, sizeof count);
  CHECK(contains(opened(), "attributes or tables were changed"));
}
