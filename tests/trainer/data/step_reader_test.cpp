// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/step_reader.hpp"

#include <algorithm>
#include <optional>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/data/widen_ids.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// A row of a payload as a batch has it, by the definition of the marks.
struct Row {
  Row(const at::Tensor& payload_ABW, std::int64_t index, std::int64_t T, const std::optional<MaskedTokens>& masked = {},
      std::int64_t token_bytes = 4) {
    const ReadPayloadRow row(payload_ABW.data_ptr<std::int32_t>() + index * payload_words(T, token_bytes), T, token_bytes);
    std::vector<std::int32_t> stored(static_cast<std::size_t>(T) + 1);
    widen_ids(row.ids, token_bytes, stored.data());
    std::int64_t begun = 0, valid = 0;
    for (std::size_t t = 0; t < static_cast<std::size_t>(T); ++t) {
      const bool counts = !row.has_marks() || (row.marks[t] & label_counts) != 0;
      begun += row.has_marks() && (row.marks[t] & document_begins) != 0;
      valid += counts;
      tokens.push_back(masked && counts ? masked->token : stored[t]);
      labels.push_back(!counts ? static_cast<std::int32_t>(ignored_label) : stored[masked ? t : t + 1]);
      segments.push_back(static_cast<std::int32_t>(begun));
    }
    CHECK(row.valid == valid);
    CHECK(row.begun == begun);
  }
  std::vector<std::int32_t> tokens, labels, segments;
};

}  // namespace

TEST_CASE("a payload holds this rank's microbatches: tokens, shifted labels, ignored labels") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(60), storage);
  const std::int64_t T = 8, B = 2, A = 2;
  const int dp = 3;
  const TokenSource source({folder / "a.h5"}, Split::train, T, storage);
  std::vector<std::int64_t> samples = {5, 3, 9, 0, 1, 2, 30, 31, -1, 7, 8, 11};
  const LabelMask mask = [](std::int64_t sample, std::span<std::uint8_t> counts) {
    for (std::size_t t = 0; t < counts.size(); ++t) counts[t] = (sample + static_cast<std::int64_t>(t)) % 3 != 0;
  };

  for (const auto& [rank, token_bytes] : {std::pair{0, 4}, {0, 2}, {1, 4}, {1, 2}, {2, 4}, {2, 2}}) {
    StepReader reader(source, {.microbatch = B, .accumulation = A, .token_bytes = token_bytes}, dp, rank, mask);
    CHECK(reader.batch() == 12);
    const at::Tensor payload = reader.make_payload();
    const StepCounts counts = reader.fill(samples, samples, payload);

    std::int64_t counted = 0;
    std::vector<std::int32_t> tokens(T + 1), segments(T + 1);
    for (std::int64_t a = 0; a < A; ++a) {
      // Microbatch k = a * dp + rank holds samples [k * B, (k + 1) * B).
      CHECK(reader.first_sample(a) == (a * dp + rank) * B);
      for (std::int64_t b = 0; b < B; ++b) {
        const Row row(payload, a * B + b, T, {}, token_bytes);
        const std::int64_t sample = samples[static_cast<std::size_t>((a * dp + rank) * B + b)];
        if (sample >= 0) source.read(sample, tokens, segments);
        for (std::int64_t t = 0; t < T; ++t) {
          const auto i = static_cast<std::size_t>(t);
          const bool counts = sample >= 0 && (sample + t) % 3 != 0;
          counted += counts;
          CHECK(row.tokens[i] == (sample < 0 ? 0 : tokens[i]));
          CHECK(row.labels[i] == (counts ? tokens[i + 1] : ignored_label));
          CHECK(row.segments[i] == 0);
        }
      }
    }
    CHECK(counts.valid == counted);
    CHECK_FALSE(counts.pairs);
  }
}

namespace {

const std::vector<std::int64_t> read_samples = {4, 0, 3, -1, 2, 1};

// One rank's payload of 6 samples of T tokens, of the given objective.
struct Read {
  Read(const TokenSource& source, const Objective& objective, const std::vector<std::int64_t>& places, LabelMask mask = {})
      : reader(source, {6, 1, 1, SequenceLayout::zigzag, objective}, 1, 0, std::move(mask)), payload(reader.make_payload()) {
    counts = reader.fill(read_samples, places, payload);
    for (std::int64_t b = 0; b < 6; ++b) rows.emplace_back(payload, b, source.sequence(), objective.masked);
  }
  std::int32_t at(std::int64_t sample, std::int64_t channel, std::int64_t t) const {
    const Row& row = rows[static_cast<std::size_t>(sample)];
    return (channel == 0 ? row.tokens : channel == 1 ? row.labels : row.segments)[static_cast<std::size_t>(t)];
  }
  StepReader reader;
  at::Tensor payload;
  std::vector<Row> rows;
  StepCounts counts;
};

const std::vector<std::int64_t> some_places = {70, 71, 72, 73, 74, 75};

}  // namespace

TEST_CASE("where documents are kept apart a document's last token has no label, and pairs are counted as they are read") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"abc"}, {"defgh"}, {"i"}, {"jklmnopqrstuvwxyz"}, {"0"}, {"1234567890"}}, storage);
  const TokenSource source({folder / "a.h5"}, Split::train, 8, storage);
  REQUIRE(source.samples() == 5);
  const DocumentsApart documents{{}, {}, {.queries = 4, .keys = 4}};
  const Read plain(source, {}, some_places), apart(source, {documents, {}}, some_places);
  std::int64_t valid = 0, last_tokens = 0;
  PairCount pairs;
  for (std::int64_t b = 0; b < 6; ++b) {
    const std::int64_t sample = read_samples[static_cast<std::size_t>(b)];
    std::vector<std::int32_t> tokens(9), in_source(9), segments;
    if (sample >= 0) source.read(sample, tokens, in_source);
    for (std::int64_t t = 0; t < 8; ++t) {
      segments.push_back(apart.at(b, 2, t));
      CHECK(apart.at(b, 0, t) == plain.at(b, 0, t));
      CHECK(apart.at(b, 2, t) == in_source[static_cast<std::size_t>(t)]);
      const bool ends = plain.at(b, 0, t) == 256 && b != 3;
      last_tokens += ends;
      CHECK(apart.at(b, 1, t) == (ends ? static_cast<std::int32_t>(ignored_label) : plain.at(b, 1, t)));
      valid += apart.at(b, 1, t) != ignored_label;
    }
    pairs += pairs_of_sample(documents, segments);
  }
  CHECK(last_tokens >= 4);
  CHECK(apart.counts.valid == valid);
  CHECK(plain.counts.valid == valid + last_tokens);
  CHECK(apart.counts.pairs == pairs);
  CHECK(pairs.visible < 6 * 36);
}

TEST_CASE("tokens to restore are replaced and labelled, by the sample's place in the run") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(20), storage);
  const TokenSource source({folder / "a.h5"}, Split::train, 64, storage);
  const MaskedTokens masked{.fraction = 0.25, .seed = 5, .token = 400};
  const LabelMask mask = [](std::int64_t, std::span<std::uint8_t> counts) { counts[7] = counts[8] = 0; };
  const Read plain(source, {}, some_places), read(source, {{}, masked}, some_places, mask);
  std::int64_t valid = 0;
  for (std::int64_t b = 0; b < 6; ++b) {
    std::vector<std::uint8_t> chosen(64);
    draw_masked(masked, some_places[static_cast<std::size_t>(b)], chosen);
    for (std::int64_t t = 0; t < 64; ++t) {
      const bool restores = b != 3 && chosen[static_cast<std::size_t>(t)] && t != 7 && t != 8;
      valid += restores;
      CHECK(read.at(b, 0, t) == (restores ? 400 : plain.at(b, 0, t)));
      CHECK(read.at(b, 1, t) == (restores ? plain.at(b, 0, t) : static_cast<std::int32_t>(ignored_label)));
    }
  }
  CHECK(read.counts.valid == valid);
  CHECK(valid > 30);
  CHECK_FALSE(read.counts.pairs);
}

TEST_CASE("prompts are context: only what answers them is a label") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(folder / "a.h5", *tokenizer, storage);
  std::vector<std::uint8_t> prompt;  // of the stream
  for (int d = 0; d < 40; ++d) {
    const std::int64_t answer = d % 5, length = answer + 1 + d % 3;
    std::vector<std::int32_t> ids(static_cast<std::size_t>(length), 'a' + d % 26);
    writer.add(ids, Split::train, answer);
    for (std::int64_t i = 0; i <= length; ++i) prompt.push_back(i < answer);
  }
  writer.finish("{}");
  const std::int64_t T = 6;
  const TokenSource source({folder / "a.h5"}, Split::train, T, storage);

  const auto check = [&](const Objective& objective, std::int64_t ahead) {
    StepReader reader(source, {1, 1, 1, SequenceLayout::zigzag, objective}, 1, 0, {});
    const at::Tensor payload = reader.make_payload();
    std::int64_t labels = 0;
    for (std::int64_t sample = 0; sample < source.samples(); ++sample) {
      reader.fill(std::vector{sample}, std::vector{sample}, payload);
      const Row row(payload, 0, T, objective.masked);
      for (std::int64_t t = 0; t < T; ++t) {
        const std::int32_t label = row.labels[static_cast<std::size_t>(t)];
        if (prompt[static_cast<std::size_t>(sample * T + t + ahead)]) CHECK(label == ignored_label);
        labels += label != ignored_label;
      }
    }
    return labels;
  };

  const auto counted = std::count(prompt.begin() + 1, prompt.begin() + source.samples() * T + 1, 0);
  CHECK(check({}, 1) == counted);
  Objective masked;
  masked.masked.emplace();
  masked.masked->fraction = 0.9;
  masked.masked->token = 300;
  CHECK(check(masked, 0) > 0);
}
