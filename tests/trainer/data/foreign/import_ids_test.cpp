// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/import_ids.hpp"

#include "tests/trainer/data/foreign/foreign_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<std::uint64_t> offsets(const TokenStore& store) { return {store.offsets().begin(), store.offsets().end()}; }

std::vector<std::int32_t> tokens(const TokenStore& store) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
  store.read(0, ids);
  return ids;
}

}  // namespace

TEST_CASE("a Megatron data set becomes a store of its documents") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const std::vector<std::int32_t> ids = {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  write_file(folder / "m.bin", encoded(TokenDtype::i32, ids));
  write_file(folder / "m.idx", text_of(megatron_index_bytes(some_index())));

  const IdsImportSummary summary = import_ids({.input = folder / "m", .output = folder / "a.h5", .split = Split::train}, storage);

  const TokenStore store(folder / "a.h5", storage);
  CHECK(summary.format == ForeignFormat::megatron);
  CHECK(summary.documents[0] == 3);
  CHECK(summary.tokens[0] == 17);
  CHECK(tokens(store) == ids);
  CHECK(offsets(store) == std::vector<std::uint64_t>{0, 7, 8, 17});  // documents of no sequence and of empty ones are not there
  CHECK(store.info().vocabulary == 21);
  CHECK(store.info().eod == -1);
  CHECK(store.tokenizer()->kind() == "ids");
  REQUIRE(store.foreign());
  CHECK(store.foreign()->sequences == std::vector<std::uint32_t>{3, 0, 4, 1, 0, 0, 7, 2, 0});
}

TEST_CASE("an eod ends documents or begins them, wherever a piece is cut") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const std::vector<std::int32_t> ids = {50, 1, 2, 50, 50, 3, 4};
  write_file(folder / "a.bin", encoded(TokenDtype::u16, ids));
  const auto imported = [&](EodPlace place, std::int32_t eod) {
    import_ids({.input = folder / "a.bin",
                .output = folder / "a.h5",
                .vocabulary = 64,
                .eod = eod,
                .eod_place = place,
                .existing = Existing::replace},
               storage);
    const TokenStore store(folder / "a.h5", storage);
    CHECK(tokens(store) == ids);
    return offsets(store);
  };
  CHECK(imported(EodPlace::end, 50) == std::vector<std::uint64_t>{0, 1, 4, 5, 7});
  CHECK(imported(EodPlace::start, 50) == std::vector<std::uint64_t>{0, 3, 4, 7});
  CHECK(imported(EodPlace::end, -1) == std::vector<std::uint64_t>{0, 7});

  // Longer than a piece of reading, with eods on both sides of the cut.
  std::vector<std::int32_t> many((1 << 18) + 100, 7);
  many[(1 << 18) - 1] = many[1 << 18] = 50;
  write_file(folder / "b.bin", encoded(TokenDtype::u16, many));
  for (const auto& [place, expected] :
       {std::pair(EodPlace::end, std::vector<std::uint64_t>{0, 1 << 18, (1 << 18) + 1, (1 << 18) + 100}),
        std::pair(EodPlace::start, std::vector<std::uint64_t>{0, (1 << 18) - 1, 1 << 18, (1 << 18) + 100})}) {
    import_ids({.input = folder / "b.bin",
                .output = folder / "b.h5",
                .vocabulary = 64,
                .eod = 50,
                .eod_place = place,
                .existing = Existing::replace},
               storage);
    CHECK(offsets(TokenStore(folder / "b.h5", storage)) == expected);
  }
}

TEST_CASE("documents of ids are split by what they hold, whatever stands around them") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto imported = [&](const std::vector<std::int32_t>& ids, const std::string& name) {
    write_file(folder / name, encoded(TokenDtype::u16, ids));
    return import_ids({.input = folder / name, .output = folder / (name + ".h5"), .vocabulary = 64, .eod = 50, .fractions = {0.3, 0.3}},
                      storage);
  };
  const auto one = imported(some_ids(400), "a.bin");
  auto twice = some_ids(400);
  twice.push_back(50);
  const auto closed = imported(twice, "b.bin");
  twice.insert(twice.end(), twice.begin(), twice.end());
  const auto two = imported(twice, "c.bin");
  for (int split : {0, 1, 2}) CHECK(two.documents[split] == 2 * closed.documents[split]);
  CHECK(one.documents[1] > 0);
  CHECK(one.documents[2] > 0);
}

TEST_CASE("what cannot be imported is refused, and leaves nothing") {
  TemporaryFolder folder;
  InspectingStorage storage;
  write_file(folder / "a.bin", encoded(TokenDtype::u16, some_ids(60)));
  const auto refused = [&](IdsImportOptions options, ExitCode code) {
    options.input = folder / "a.bin";
    options.output = folder / "a.h5";
    return problem_of([&] { import_ids(options, storage); }, code);
  };
  CHECK(contains(refused({.vocabulary = 50}, ExitCode::data), "id 50 at place 16 is outside the vocabulary of 50"));
  CHECK(storage.list(folder.path()) == std::vector<std::string>{"a.bin"});
  write_file(folder / "a.h5", "x");
  CHECK(contains(refused({}, ExitCode::config), "already exists"));
}
