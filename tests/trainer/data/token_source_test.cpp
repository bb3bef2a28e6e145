// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_source.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct Sample {
  std::vector<std::int32_t> tokens, segments;
};

Sample read(const TokenSource& source, std::int64_t index) {
  Sample sample;
  sample.tokens.resize(static_cast<std::size_t>(source.sequence()) + 1);
  sample.segments.resize(static_cast<std::size_t>(source.sequence()) + 1);
  source.read(index, sample.tokens, sample.segments);
  return sample;
}

using Ids = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("samples are cut from the documents of the split laid end to end") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  // Stream of the train split: a $ | c d $ | f g h $, with b left to validation; $ is 256.
  make_store(folder / "a.h5", {{"a"}, {"b", Split::validation}, {"cd"}, {"fgh"}, {"xyz", Split::test}}, storage);

  const TokenSource source({folder / "a.h5"}, Split::train, 4, storage);

  CHECK(source.samples() == 2);
  CHECK(read(source, 0).tokens == Ids{'a', 256, 'c', 'd', 256});
  CHECK(read(source, 0).segments == Ids{0, 0, 1, 1, 1});
  CHECK(read(source, 1).tokens == Ids{256, 'f', 'g', 'h', 256});
  CHECK(read(source, 1).segments == Ids{0, 1, 1, 1, 1});
  CHECK(TokenSource({folder / "a.h5"}, Split::validation, 1, storage).samples() == 1);
  CHECK(TokenSource({folder / "a.h5"}, Split::validation, 2, storage).samples() == 0);
}

TEST_CASE("every sample equals the one cut from the stream by hand, over stores") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const auto documents = some_documents(60);
  const std::vector<TestDocument> first(documents.begin(), documents.begin() + 23), second(documents.begin() + 23, documents.end());
  make_store(folder / "a.h5", first, storage);
  make_store(folder / "b.h5", second, storage);

  for (Split split : {Split::train, Split::validation}) {
    const std::int64_t T = 16;
    const TokenSource source({folder / "a.h5", folder / "b.h5"}, split, T, storage);
    std::int64_t index = 0;
    for (const auto* part : {&first, &second}) {
      Ids stream, numbers;
      std::int32_t number = 0;
      for (const TestDocument& document : *part) {
        if (document.split != split) continue;
        for (char c : document.text) stream.push_back(c);
        stream.push_back(256);
        numbers.resize(stream.size(), number++);
      }
      for (std::size_t at = 0; at + static_cast<std::size_t>(T) < stream.size(); at += static_cast<std::size_t>(T), ++index) {
        const Sample sample = read(source, index);
        CHECK(sample.tokens ==
              Ids(stream.begin() + static_cast<std::ptrdiff_t>(at), stream.begin() + static_cast<std::ptrdiff_t>(at) + T + 1));
        for (std::size_t t = 0; t <= static_cast<std::size_t>(T); ++t) CHECK(sample.segments[t] == numbers[at + t] - numbers[at]);
        CHECK(source.store_of(index) == (part == &second));
      }
    }
    CHECK(index == source.samples());
  }
}

TEST_CASE("fingerprint and packing hash tell data and cutting apart") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(10), storage);
  make_store(folder / "copy.h5", some_documents(10), storage);
  make_store(folder / "b.h5", some_documents(11), storage);
  const auto source = [&](const char* name, std::int64_t T) { return TokenSource({folder / name}, Split::train, T, storage); };

  CHECK(source("a.h5", 4).fingerprint() == source("copy.h5", 8).fingerprint());
  CHECK(source("a.h5", 4).fingerprint() != source("b.h5", 4).fingerprint());
  CHECK(source("a.h5", 4).packing_hash() == source("b.h5", 4).packing_hash());
  CHECK(source("a.h5", 4).packing_hash() != source("a.h5", 8).packing_hash());
}

TEST_CASE("stores that do not go together are refused, and a vocabulary that is too large") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(10), storage);
  make_store(folder / "copy.h5", some_documents(10), storage);
  const TokenSource source({folder / "a.h5"}, Split::train, 4, storage);

  CHECK(contains(problem_of([&] {
                   TokenSource s({folder / "a.h5", folder / "copy.h5"}, Split::train, 4, storage);
                 }),
                 "hold the same tokens"));
  CHECK(contains(problem_of([&] { TokenSource s({}, Split::train, 4, storage); }), "data.train: names no token store"));
  source.check_vocabulary(257);
  const std::string problem = problem_of([&] { source.check_vocabulary(256); }, ExitCode::config);
  CHECK(contains(problem, "data.train"));
  CHECK(contains(problem, "model.vocabulary = 256 is too small"));
}
