// SPDX-License-Identifier: Apache-2.0
// Damage, drawn at random, of each file that a run reads its tokens from: the stores, the dataset file that lists them, a packing table.
// What is then read is refused in a sentence, or is what was written. HDF5 looks into the files in a process of its own, as in the program.
#include <array>
#include <cstdio>
#include <filesystem>

#include "tests/fault/damage.hpp"
#include "tests/fault/outcomes.hpp"
#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/token_source.hpp"

using namespace ergon;

namespace {

constexpr std::int64_t sequence = 24;

std::string quoted(const std::string& word) { return "'" + word + "'"; }

Hdf5Contents inspect_elsewhere(int, const std::string& path, const std::vector<std::string>& names) {
  std::string line =
      quoted(std::filesystem::path(std::getenv("ERGON_BINARY")).parent_path() / "ergon-h5-layout") + " h5-layout " + quoted(path);
  for (const std::string& name : names) line += " --names=" + quoted(name);
  std::FILE* answer = ::popen((line + " 2>/dev/null").c_str(), "r");
  REQUIRE(answer != nullptr);
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), answer)) text.append(part.data(), count);
  ::pclose(answer);
  return parse_hdf5_contents(text, path);
}

// Every sample, packed and as a stream.
std::vector<std::int32_t> all_tokens(const std::string& folder) {
  Storage storage(inspect_elsewhere);
  std::vector<std::int32_t> tokens;
  for (const std::string& table : {std::string(), folder + "/packed.h5"}) {
    const TokenSource source({folder + "/set.json"}, Split::train, sequence, storage, table);
    std::vector<std::int32_t> ids(sequence + 1), segments(sequence + 1);
    for (std::int64_t sample = 0; sample < source.samples(); ++sample) {
      source.read(sample, ids, segments);
      tokens.insert(tokens.end(), ids.begin(), ids.end());
      tokens.insert(tokens.end(), segments.begin(), segments.end());
    }
  }
  return tokens;
}

void write_data(const std::string& folder) {
  test::InspectingStorage storage;
  Dataset dataset;
  for (const int count : {12, 20}) {
    const std::string name = fmt::format("set-{}.h5", count);
    test::make_store(folder + "/" + name, test::some_documents(count), storage);
    const TokenStoreInfo info = TokenStore(folder + "/" + name, storage).info();
    dataset.shards.push_back({name, info.uuid, info.content_hash, info.tokens, info.documents});
    dataset.tokenizer_kind = info.tokenizer_kind;
    dataset.tokenizer_sha256 = info.tokenizer_sha256;
  }
  test::write_file(folder + "/set.json", to_json(dataset));
  const TokenSource source({folder + "/set.json"}, Split::train, sequence, storage);
  write_packing_table(folder + "/packed.h5", make_packing_table(source.stores(), Split::train, sequence), storage, Existing::refuse);
}

std::string outcome_of_reading(const std::string& folder, const std::vector<std::int32_t>& good) {
  try {
    return all_tokens(folder) == good ? "harmless" : "WRONG";
  } catch (const Error& error) {
    return error.code() == ExitCode::data && !error.hint().empty() ? "refused" : "WRONG";
  }
}

}  // namespace

TEST_CASE("corruption: damage of what a run reads its tokens from is refused, or touches nothing that is read") {
  const int total = test::count_of("ERGON_CORRUPTIONS", 1000) / 5;
  test::Random random(20260803);
  const test::TemporaryFolder written;
  write_data(written.path());
  const std::vector<std::int32_t> good = all_tokens(written.path());
  REQUIRE(good.size() > 1000);
  test::Outcomes outcomes({"refused", "harmless", "WRONG"});
  for (int number = 0; number < total; ++number) {
    const test::TemporaryFolder copy;
    std::filesystem::copy(written.path(), copy.path());
    const std::string file =
        std::vector<std::string>{"set.json", "set-12.h5", "set-20.h5", "packed.h5"}[static_cast<std::size_t>(test::below(random, 4))];
    const test::Damage& damage = test::damages[static_cast<std::size_t>(test::below(random, std::ssize(test::damages)))];
    CAPTURE(number, file, damage.name);
    damage.act(copy / file, random);
    const std::string outcome = outcome_of_reading(copy.path(), good);
    CHECK(outcome != "WRONG");
    outcomes.add(file, outcome);
  }
  outcomes.print("damage of what is trained on");
  CHECK(outcomes.count("refused") > total / 3);
}
