// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_store_writer.hpp"

#include <stdio.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/skip.hpp"
#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// Fails at the n-th call of the calls that change something.
class FailingStorage : public Storage {
 public:
  explicit FailingStorage(int fail_at) : left_(fail_at) {}
  File create(const std::string& path) override { return count(), Storage::create(path); }
  File open_write(const std::string& path) override { return count(), Storage::open_write(path); }
  void allocate(const File& file, std::int64_t bytes) override { count(), Storage::allocate(file, bytes); }
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
    count(), Storage::pwrite(file, data, offset);
  }
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override { count(), Storage::pread(file, data, offset); }
  void sync(const File& file) override { count(), Storage::sync(file); }
  void rename(const std::string& from, const std::string& to) override { count(), Storage::rename(from, to); }

 private:
  void count() {
    if (left_-- == 0) throw Error("no space left on device", "test", "", ExitCode::data);
  }
  int left_;
};

std::vector<std::string> names(const TemporaryFolder& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) found.push_back(entry.path().filename().string());
  return found;
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  for (char part[256]; fgets(part, sizeof part, pipe);) text += part;
  pclose(pipe);
  return text;
}

}  // namespace

TEST_CASE("equal documents give equal bytes at different times and under different names") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  usleep(1'100'000);
  make_store(folder / "b.h5", some_documents(40), storage);
  make_store(folder / "c.h5", some_documents(41), storage);

  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
  CHECK(read_file(folder / "a.h5") != read_file(folder / "c.h5"));
  CHECK(names(folder).size() == 3);
}

TEST_CASE("splits are ranges of documents, neighbours joined") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"a"}, {"b"}, {"c", Split::test}, {"d"}, {"e", Split::validation}, {"f", Split::validation}}, storage);

  const TokenStore store(folder / "a.h5", storage);

  using Ranges = std::vector<DocumentRange>;
  const auto ranges = [&](Split split) { return Ranges(store.split(split).begin(), store.split(split).end()); };
  CHECK(ranges(Split::train) == Ranges{{0, 2}, {3, 4}});
  CHECK(ranges(Split::test) == Ranges{{2, 3}});
  CHECK(ranges(Split::validation) == Ranges{{4, 6}});
}

TEST_CASE("wide ids and more than one buffer come back") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const WideTokenizer tokenizer;
  std::vector<std::int32_t> ids(700'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7919 % 200'000);
  TokenStoreWriter writer(folder / "a.h5", tokenizer, storage);
  writer.add(ids, Split::train);
  const TokenStoreInfo info = writer.finish("[1]");

  const TokenStore store(folder / "a.h5", storage);

  CHECK(info.token_bytes == 4);
  std::vector<std::int32_t> got(700'001);
  store.read(0, got);
  CHECK(std::equal(ids.begin(), ids.end(), got.begin()));
  CHECK(got.back() == 199'999);
  CHECK(store.info().bos == 1);
  CHECK(store.info().pad == 2);
  CHECK(store.sources() == "[1]");
  CHECK(contains(problem_of([&] { store.tokenizer(); }), "unknown tokenizer 'wide'"));
}

TEST_CASE("an existing store is refused, replaced when asked, and no document is an error") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(3), storage);
  const auto tokenizer = make_bytes_tokenizer();

  CHECK(contains(problem_of([&] { TokenStoreWriter w(folder / "a.h5", *tokenizer, storage); }, ExitCode::config), "already exists"));
  make_store(folder / "a.h5", some_documents(4), storage);
  CHECK(TokenStore(folder / "a.h5", storage).info().documents == 4);
  TokenStoreWriter writer(folder / "b.h5", *tokenizer, storage);
  CHECK(contains(problem_of([&] { writer.finish("{}"); }), "there is no document in the input"));
}

TEST_CASE("a failure at any point leaves neither a store nor a temporary, and the old store as it was") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(5), storage);
  const std::string before = read_file(folder / "a.h5");
  int failures = 0;
  for (int fail_at = 0;; ++fail_at) {
    FailingStorage failing(fail_at);
    const std::string problem = problem_of([&] { make_store(folder / "a.h5", some_documents(60), failing); });
    CHECK(names(folder) == std::vector<std::string>{"a.h5"});
    if (problem == "no error") break;
    ++failures;
    CHECK(contains(problem, "no space left on device"));
    CHECK(read_file(folder / "a.h5") == before);
  }
  CHECK(failures > 8);
  CHECK(TokenStore(folder / "a.h5", storage).info().documents == 60);
}

TEST_CASE("leftovers of a killed import do not stand in the way") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  write_file(folder / "a.h5.spool.tmp", "left");
  write_file(folder / "a.h5.tmp", "left");

  make_store(folder / "a.h5", some_documents(5), storage);

  CHECK(names(folder) == std::vector<std::string>{"a.h5"});
}

TEST_CASE("h5py and h5dump read a store") {
  if (output_of("/usr/bin/python3 -c 'import h5py; print(1)'") != "1\n") return test::skip("python3-h5py is not installed");
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"ab"}, {"c", Split::validation}}, storage);
  const std::string script =
      "import h5py\n"
      "f = h5py.File('" +
      (folder / "a.h5") +
      "', 'r')\n"
      "print(list(f['/tokens/data'][:]), f['/tokens/data'].dtype, list(f['/docs/offsets'][:]), f['/splits/train'][:].tolist(), "
      "f['/splits/valid'][:].tolist(),"
      " f['/splits/test'].shape, f.attrs['vocab_size'], f.attrs['eod_id'], f.attrs['tokenizer_kind'].decode(), "
      "bytes(f['/sources'][:]).decode())\n";
  write_file(folder / "read.py", script);

  CHECK(output_of("/usr/bin/python3 " + (folder / "read.py")) ==
        "[97, 98, 256, 99, 256] uint16 [0, 3, 5] [[0, 1]] [[1, 2]] (0, 2) 257 256 bytes {}\n");
  CHECK(contains(output_of("h5dump -d /tokens/data " + (folder / "a.h5")), "(0): 97, 98, 256, 99, 256"));
}
