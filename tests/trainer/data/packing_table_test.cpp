// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/packing_table.hpp"

#include <atomic>
#include <filesystem>

#include "configs/sha256.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/trainer/data/loader_cases.hpp"
#include "tests/trainer/data/store_fixture.hpp"
#include "tests/trainer/data/unsteady_storage.hpp"
#include "trainer/data/step_reader.hpp"
#include "trainer/hdf5.hpp"
#include "trainer/rank_zero.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct Fixture {
  Fixture() {
    const auto documents = some_documents(60);
    make_store(folder / "a.h5", {documents.begin(), documents.begin() + 25}, storage);
    make_store(folder / "b.h5", {documents.begin() + 25, documents.end()}, storage);
    make_store(folder / "other.h5", some_documents(61), storage);
    write_packing_table(folder / "p.h5", table(), storage, Existing::refuse);
  }
  TokenSource stream(const std::vector<std::string>& names = {"a.h5", "b.h5"}, std::int64_t T = 48) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(folder / name);
    return TokenSource(paths, Split::train, T, storage);
  }
  PackingTable table() { return make_packing_table(stream().stores(), Split::train, 48); }
  TokenSource packed(const std::vector<std::string>& names = {"a.h5", "b.h5"}, std::int64_t T = 48) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(folder / name);
    return TokenSource(paths, Split::train, T, storage, folder / "p.h5");
  }
  std::string refusal_of(const PackingTable& changed) {
    write_packing_table(folder / "p.h5", changed, storage, Existing::replace);
    return problem_of([&] { packed(); });
  }
  TemporaryFolder folder;
  InspectingStorage storage;
};

// A file by FORMAT.md, whatever it says, with the hash that belongs to it.
struct Crafted {
  std::string format = "packing", rule = "best-fit-decreasing 1", split = "train", stores = fmt::format("{:a<64}\n", "");
  std::int64_t version = 1, sequence = 48;
  std::vector<std::uint64_t> first_sample = {0, 1}, first_piece = {0, 1}, begin = {0};
  std::vector<std::uint32_t> tokens = {5};

  std::string refusal(const std::string& path, Storage& storage) const {
    struct Dataset {
      std::string name;
      Hdf5Type type;
      std::span<const std::byte> bytes;
    };
    const auto bytes = [](const auto& table) { return std::as_bytes(std::span(table.data(), table.size())); };
    const std::vector<Dataset> datasets = {{"/stores/content_hash", Hdf5Type::u8, bytes(stores)},
                                           {"/stores/first_sample", Hdf5Type::u64, bytes(first_sample)},
                                           {"/samples/first_piece", Hdf5Type::u64, bytes(first_piece)},
                                           {"/pieces/begin", Hdf5Type::u64, bytes(begin)},
                                           {"/pieces/tokens", Hdf5Type::u32, bytes(tokens)}};
    std::filesystem::remove(path);
    Sha256 hash;
    hash.add(fmt::format("ergon packing {}\nrule={}\nsplit={}\nsequence={}\n", version, rule, split, sequence));
    Hdf5Layout layout(path);
    for (const char* group : {"/stores", "/samples", "/pieces"}) layout.group(group);
    std::vector<Hdf5Extent> extents;
    for (const Dataset& of : datasets) {
      hash.add(fmt::format("{} {}\n", of.name, of.bytes.size()));
      hash.add(of.bytes);
      extents.push_back(layout.dataset(of.name, of.type, {std::ssize(of.bytes) / size_of(of.type)}));
    }
    for (const auto& [name, value] : {std::pair("ergon_format", format), {"rule", rule}, {"split", split}, {"content_hash", hash.hex()}})
      layout.attribute("/", name, value);
    layout.attribute("/", "ergon_version", version);
    layout.attribute("/", "sequence", sequence);
    layout.close();
    const Storage::File file = storage.open_write(path);
    for (std::size_t i = 0; i < datasets.size(); ++i) storage.pwrite(file, datasets[i].bytes, extents[i].offset);
    return problem_of([&] { read_packing_table(path, storage); });
  }
};

}  // namespace

TEST_CASE("what a table says is checked although its hash is right") {
  TemporaryFolder folder;
  InspectingStorage storage;
  const auto refusal = [&](const std::function<void(Crafted&)>& change) {
    Crafted crafted;
    change(crafted);
    return crafted.refusal(folder / "p.h5", storage);
  };
  CHECK(refusal([](Crafted&) {}) == "no error");
  CHECK(contains(refusal([](Crafted& c) { c.format = "tokens"; }), "is not a packing table (attribute ergon_format)"));
  CHECK(contains(refusal([](Crafted& c) { c.version = 2; }), "is a packing table of version 2, this Ergon reads version 1"));
  CHECK(contains(refusal([](Crafted& c) { c.rule = "first-fit"; }), "unknown rule first-fit"));
  CHECK(contains(refusal([](Crafted& c) { c.split = "trial"; }), "unknown split trial"));
  CHECK(contains(refusal([](Crafted& c) { c.stores = "abc"; }), "sizes do not go together"));
  CHECK(contains(refusal([](Crafted& c) { c.tokens = {5, 5}; }), "sizes do not go together"));
  CHECK(contains(refusal([](Crafted& c) { c.first_sample = {0, 2}; }), "/stores/first_sample does not run from 0 to 1"));
  CHECK(contains(refusal([](Crafted& c) { c.first_piece = {1, 1}; }), "/samples/first_piece does not run from 0 to 1"));
  CHECK(contains(refusal([](Crafted& c) {
                   c.first_piece = {0, 9, 1};
                   c.first_sample = {0, 2};
                 }),
                 "/samples/first_piece does not run from 0 to 1"));
}

TEST_CASE("a table is read back as it was written, and equal stores give equal bytes") {
  Fixture f;
  const PackingTable read = read_packing_table(f.folder / "p.h5", f.storage), made = f.table();
  CHECK(read.split == Split::train);
  CHECK(read.sequence == 48);
  CHECK(read.stores == made.stores);
  CHECK(read.packed == made.packed);
  CHECK(read.hash() == made.hash());

  write_packing_table(f.folder / "again.h5", made, f.storage, Existing::refuse);
  CHECK(read_file(f.folder / "again.h5") == read_file(f.folder / "p.h5"));
  CHECK(contains(problem_of([&] { write_packing_table(f.folder / "p.h5", made, f.storage, Existing::refuse); }, ExitCode::config),
                 "already exists"));
}

TEST_CASE("a table is read again from a disk that fails for a moment") {
  Fixture f;
  const std::vector<std::string> paths = {f.folder / "a.h5", f.folder / "b.h5"};
  StoreCatalogue catalogue = read_store_catalogue(paths, f.storage);
  UnsteadyStorage disk;
  for (const int number : {EIO, ESTALE}) {
    disk.number = number;
    disk.failing = 1;
    add_packing_table(f.folder / "p.h5", catalogue, disk);
    CHECK(TokenSource(catalogue, paths, Split::train, 48, disk, f.folder / "p.h5").samples() == f.packed().samples());
    CHECK(disk.failing == 0);
  }
}

TEST_CASE("one rank reads the table, and every rank has it, in messages of any size") {
  Fixture f;
  const std::vector<std::string> paths = {f.folder / "a.h5", f.folder / "b.h5"};
  const std::string path = f.folder / "p.h5";
  const PackingTable made = f.table();
  std::atomic<int> opened{0};
  struct Counting : InspectingStorage {
    explicit Counting(std::atomic<int>& opened) : opened(opened) {}
    File open_read(const std::string& path) override {
      opened += path.ends_with("/p.h5");
      return Storage::open_read(path);
    }
    std::atomic<int>& opened;
  };
  Findings findings;
  for (const std::int64_t message : {1, 7, 1 << 20})
    run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
      Counting mine(opened);
      StoreCatalogue catalogue = share_store_catalogue(paths, mine, *world);
      share_packing_table(path, catalogue, mine, *world, {message});
      const StoreCatalogue::Packing& got = catalogue.packing(path);
      findings.expect(got.table->stores == made.stores && got.table->packed == made.packed, "tables");
      findings.expect(got.hash == made.hash() && got.table->hash() == made.hash(), "hash");
      const TokenSource source(catalogue, paths, Split::train, 48, mine, path);
      std::vector<std::int32_t> tokens(49), segments(49);
      findings.expect(source.packing_hash() == made.hash() && source.read(0, tokens, segments) == source.tokens_of(0), "source");
    });
  CHECK(findings.text() == "");
  CHECK(opened == 3);
}

TEST_CASE("a table that is refused is refused on every rank in the same words") {
  Fixture f;
  flip_bit(f.folder / "p.h5", read_hdf5_contents(f.folder / "p.h5", {"/pieces/tokens"}).datasets.at("/pieces/tokens").offset);
  std::atomic<int> refused{0};
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    InspectingStorage mine;
    StoreCatalogue catalogue;
    try {
      share_packing_table(f.folder / "p.h5", catalogue, mine, *world);
    } catch (const AgreedError& error) {
      refused += error.code() == ExitCode::data && error.problem().starts_with("content hash is");
    }
  });
  CHECK(refused == 2);
}

TEST_CASE("packed samples hold every document of the split once, apart, and padding whose labels are ignored") {
  Fixture f;
  const PackingTable table = f.table();
  const TokenSource source = f.packed();
  const std::int64_t T = 48;
  StepReader reader(source, {1, 1}, 1, 0, {});
  const at::Tensor payload = reader.make_payload();
  std::vector<std::vector<int>> seen;
  for (const auto& store : source.stores()) seen.emplace_back(store->info().tokens);
  std::vector<std::int32_t> tokens(T + 1), segments(T + 1), expected(T + 1);
  std::int64_t held_in_all = 0;
  for (std::int64_t sample = 0; sample < source.samples(); ++sample) {
    const auto store = static_cast<std::size_t>(source.store_of(sample));
    const std::int64_t first = store == 0 ? 0 : source.parts()[1].first_sample;
    const std::int64_t held = source.read(sample, tokens, segments);
    CHECK(held == source.tokens_of(sample));
    held_in_all += held;
    std::int64_t at = 0;
    std::int32_t number = 0;
    for (const PackedPiece& piece : table.packed[store].sample(sample - first)) {
      source.stores()[store]->read(static_cast<std::int64_t>(piece.begin), std::span(expected).first(piece.tokens));
      for (std::uint32_t i = 0; i < piece.tokens; ++i, ++at) {
        ++seen[store][piece.begin + i];
        CHECK(tokens[static_cast<std::size_t>(at)] == expected[i]);
        CHECK(segments[static_cast<std::size_t>(at)] == number);
      }
      ++number;
    }
    CHECK(at == held);
    for (; at < T; ++at) {
      CHECK(tokens[static_cast<std::size_t>(at)] == 0);
      CHECK(segments[static_cast<std::size_t>(at)] == number);
    }
    // A document that goes on after a whole sample gives the last label; nothing else does.
    CHECK((segments[T] == segments[T - 1]) == (held < T || tokens[T - 1] != 256));
    reader.fill(std::vector<std::int64_t>{sample}, std::vector<std::int64_t>{sample}, payload);
    const ReadPayloadRow row(payload.data_ptr<std::int32_t>(), T, 4);
    for (std::int64_t t = held; t < T; ++t) CHECK((row.marks[static_cast<std::size_t>(t)] & label_counts) == 0);
  }
  std::int64_t of_split = 0;
  for (std::size_t s = 0; s < seen.size(); ++s)
    for (const DocumentRange& range : source.stores()[s]->split(Split::train))
      for (std::uint64_t i = source.stores()[s]->offsets()[range.begin]; i < source.stores()[s]->offsets()[range.end]; ++i, ++of_split)
        CHECK(seen[s][i] == 1);
  CHECK(of_split == held_in_all);
  CHECK(source.parts()[0].tokens + source.parts()[1].tokens == held_in_all);
  CHECK(source.padding() == Approx(1 - static_cast<double>(held_in_all) / static_cast<double>(source.samples() * T)));
  CHECK(source.packing_hash() == f.table().hash());
  CHECK(source.packing_hash() != f.stream().packing_hash());
  CHECK(f.stream().padding() == 0);
}

TEST_CASE("a table of other stores, another split or sequence is refused with what to do") {
  Fixture f;
  CHECK(contains(problem_of([&] {
                   f.packed({"a.h5", "b.h5"}, 40);
                 }),
                 "data.packing_table: " + f.folder / "p.h5" + " packs sequences of 48, model.sequence is 40"));
  CHECK(contains(problem_of([&] { f.packed({"a.h5"}); }), "packs 2 stores, data.train has 1"));
  CHECK(contains(problem_of([&] { f.packed({"a.h5", "other.h5"}); }), "was not made from " + f.folder / "other.h5"));
  CHECK(contains(problem_of([&] {
                   TokenSource({f.folder / "a.h5", f.folder / "b.h5"}, Split::validation, 48, f.storage, f.folder / "p.h5");
                 }),
                 "packs the train split, not valid"));
}

TEST_CASE("a table that is damaged or says the impossible is refused") {
  Fixture f;
  PackingTable outside = f.table(), empty = f.table(), full = f.table();
  outside.packed[1].pieces[0].begin = 1 << 20;
  CHECK(contains(f.refusal_of(outside), "sample 0 has a piece outside " + f.folder / "b.h5"));
  empty.packed[0].pieces[2].tokens = 0;
  CHECK(contains(f.refusal_of(empty), "has a piece outside"));
  full.packed[0].pieces[0] = {0, 49};
  CHECK(contains(f.refusal_of(full), "sample 0 has 49 tokens, a sequence 48"));

  write_packing_table(f.folder / "p.h5", f.table(), f.storage, Existing::replace);
  CHECK(contains(problem_of([&] { read_packing_table(f.folder / "a.h5", f.storage); }), "has no /stores/content_hash"));
  const auto extents = read_hdf5_contents(f.folder / "p.h5", packing_table_datasets()).datasets;
  for (const std::string& dataset : packing_table_datasets()) {
    INFO(dataset);
    flip_bit(f.folder / "p.h5", extents.at(dataset).offset + 3);
    CHECK(contains(problem_of([&] { f.packed(); }), "content hash is"));
    flip_bit(f.folder / "p.h5", extents.at(dataset).offset + 3);
  }
  CHECK(f.packed().samples() > 0);
  CHECK(contains(problem_of([&] { read_packing_table(f.folder / "none.h5", f.storage); }), "No such file"));
}
