// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/store_catalogue.hpp"

#include <atomic>

#include "parallel/communicator_local.hpp"
#include "tests/trainer/data/loader_cases.hpp"
#include "tests/trainer/data/unsteady_storage.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/rank_zero.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("one rank reads what stores hold, and every rank has it, in messages of any size") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(20), storage);
  make_store(folder / "b.h5", some_documents(30), storage);
  const TokenStoreInfo b = TokenStore(folder / "b.h5", storage).info();
  write_file(folder / "d.json", to_json({{{"b.h5", b.uuid, b.content_hash, b.tokens, b.documents}}, b.tokenizer_kind, b.tokenizer_sha256}));
  const std::vector<std::string> paths = {folder / "a.h5", folder / "d.json", folder / "a.h5"};
  const StoreCatalogue expected = read_store_catalogue(paths, storage);
  std::atomic<int> looks{0};
  Findings findings;
  for (const std::int64_t message : {1, 7, 1 << 20})
    run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
      Storage mine([&](int descriptor, const std::string& path, const std::vector<std::string>& names) {
        ++looks;
        return inspect_here(descriptor, path, names);
      });
      const StoreCatalogue catalogue = share_store_catalogue(paths, mine, *world, {message});
      for (const std::string& path : paths) {
        const auto &got = catalogue.of(path), &wanted = expected.of(path);
        findings.expect(got.size() == 1 && got[0].place.path == wanted[0].place.path && got[0].place.dataset == wanted[0].place.dataset,
                        "place");
        // The content hash covers every attribute and table.
        findings.expect(content_hash(got[0].index->info, got[0].index->tables) == wanted[0].index->info.content_hash, "index");
        findings.expect(got[0].index->data_offset == wanted[0].index->data_offset, "offset");
      }
      const std::vector<std::string> both = {paths[0], paths[1]};
      const TokenSource source(catalogue, both, Split::validation, 4, mine);
      findings.expect(source.fingerprint() == TokenSource(expected, both, Split::validation, 4, mine).fingerprint(), "source");
    });
  CHECK(findings.text() == "");
  CHECK(looks == 3 * 2);
}

TEST_CASE("optional tables go to every rank too") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(folder / "a.h5", *tokenizer, storage);
  writer.append(std::vector<std::int32_t>{5, 6, 256});
  writer.end_document(Split::train, 1);
  const ForeignOrigin origin{"{}", std::string("\0head", 5), {3}, {0, 1}, {1}};
  writer.finish("{}", origin);
  Findings findings;
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    InspectingStorage mine;
    const auto index = share_store_catalogue({folder / "a.h5"}, mine, *world).of(folder / "a.h5")[0].index;
    findings.expect(index->tables.foreign == origin && index->tables.answers == std::vector<std::uint64_t>{1}, "tables");
  });
  CHECK(findings.text() == "");
}

TEST_CASE("what stores hold is read again from a disk that fails for a moment, in HDF5 too") {
  TemporaryFolder folder;
  UnsteadyStorage disk;
  make_store(folder / "a.h5", some_documents(20), disk);
  const int reads = disk.reads;
  disk.failing = 1;
  CHECK(read_store_catalogue({folder / "a.h5"}, disk).of(folder / "a.h5").size() == 1);
  CHECK(disk.reads > reads + 1);

  int looks = 0;
  Storage stale([&](int descriptor, const std::string& path, const std::vector<std::string>& names) {
    if (++looks == 1) fail_inside("HDF5 cannot open the file: Stale file handle", path, ESTALE);
    return inspect_here(descriptor, path, names);
  });
  CHECK(read_store_catalogue({folder / "a.h5"}, stale).of(folder / "a.h5").size() == 1);
  CHECK(looks == 2);
}

TEST_CASE("a store that is refused is refused on every rank in the same words; a file of another size is noticed when it is read") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "bad.h5", "text");
  std::atomic<int> refused{0};
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    InspectingStorage mine;
    try {
      share_store_catalogue({folder / "bad.h5"}, mine, *world);
    } catch (const AgreedError& error) {
      if (error.code() == ExitCode::data && error.problem().find("is not an HDF5 file") == 0) ++refused;
    }
  });
  CHECK(refused == 2);

  make_store(folder / "a.h5", some_documents(20), storage);
  const StoreCatalogue catalogue = read_store_catalogue({folder / "a.h5"}, storage);
  const TokenSource source(catalogue, {folder / "a.h5"}, Split::train, 4, storage);
  const std::string whole = read_file(folder / "a.h5");
  write_file(folder / "a.h5", whole.substr(0, whole.size() / 2));
  std::vector<std::int32_t> tokens(5);
  std::vector<std::int64_t> starts;
  CHECK(contains(problem_of([&] { source.read(0, tokens, starts); }), "it was replaced while it was read"));
}
