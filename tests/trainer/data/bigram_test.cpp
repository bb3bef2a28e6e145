// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/bigram.hpp"

#include <cmath>
#include <map>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::vector<int> stream(const std::vector<TestDocument>& documents, Split split) {
  std::vector<int> ids;
  for (const TestDocument& document : documents) {
    if (document.split != split) continue;
    ids.insert(ids.end(), document.text.begin(), document.text.end());
    ids.push_back(256);
  }
  return ids;
}

}  // namespace

TEST_CASE("the bigram figure equals the formula computed with plain maps") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const auto documents = some_documents(400);
  make_store(folder / "a.h5", documents, storage);

  const BigramResult result = fit_bigram(folder / "a.h5", storage);

  const auto train = stream(documents, Split::train), validation = stream(documents, Split::validation);
  std::map<std::pair<int, int>, double> pairs;
  std::map<int, double> contexts, tokens;
  for (std::size_t i = 0; i + 1 < train.size(); ++i) {
    pairs[{train[i], train[i + 1]}] += 1;
    contexts[train[i]] += 1;
    tokens[train[i + 1]] += 1;
  }
  double nats = 0, unigram_nats = 0;
  for (std::size_t i = 0; i + 1 < validation.size(); ++i) {
    const int a = validation[i], b = validation[i + 1];
    const double u = (tokens[b] + 1) / (static_cast<double>(train.size() - 1) + 257);
    nats -= std::log((pairs[{a, b}] + result.k * u) / (contexts[a] + result.k));
    unigram_nats -= std::log(u);
  }
  const auto labels = static_cast<double>(validation.size() - 1);
  CHECK(result.nats_per_token == Approx(nats / labels).epsilon(1e-12));
  CHECK(result.unigram_nats_per_token == Approx(unigram_nats / labels).epsilon(1e-12));
  CHECK(result.evaluated.value == std::ssize(validation) - 1);
  CHECK(result.counted.value == std::ssize(train) - 1);
  CHECK(result.nats_per_token < result.unigram_nats_per_token);
}

TEST_CASE("text in which a byte decides the next costs almost nothing; a limit is kept") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  std::string cycle;
  for (int i = 0; i < 26'000; ++i) cycle.push_back(static_cast<char>('a' + i % 26));
  make_store(folder / "a.h5", {{cycle}, {cycle.substr(0, 2600), Split::validation}}, storage);

  CHECK(fit_bigram(folder / "a.h5", storage).nats_per_token < 0.02);
  CHECK(fit_bigram(folder / "a.h5", storage, {1000}).counted.value == 999);
}

TEST_CASE("splits without text are refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"a text that is long enough to be counted"}}, storage);
  make_store(folder / "b.h5", {{"short"}, {"a text to evaluate", Split::validation}}, storage);

  CHECK(contains(problem_of([&] { fit_bigram(folder / "a.h5", storage); }), "the valid split has 0 tokens"));
  CHECK(contains(problem_of([&] { fit_bigram(folder / "b.h5", storage); }), "the train split has 6 tokens"));
}
