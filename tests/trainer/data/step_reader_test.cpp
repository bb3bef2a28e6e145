// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/step_reader.hpp"

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/batch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("a payload holds this rank's microbatches: tokens, shifted labels, segments, ignored labels") {
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

  for (int rank = 0; rank < dp; ++rank) {
    StepReader reader(source, {B, A}, dp, rank, mask);
    CHECK(reader.batch() == 12);
    const at::Tensor payload = reader.make_payload();
    const std::int64_t valid = reader.fill(samples, payload);

    const auto* at = payload.data_ptr<std::int32_t>();
    std::int64_t counted = 0;
    std::vector<std::int32_t> tokens(T + 1), segments(T);
    for (std::int64_t a = 0; a < A; ++a) {
      // Microbatch k = a * dp + rank holds samples [k * B, (k + 1) * B).
      CHECK(reader.first_sample(a) == (a * dp + rank) * B);
      for (std::int64_t b = 0; b < B; ++b, at += 3 * T) {
        const std::int64_t sample = samples[static_cast<std::size_t>((a * dp + rank) * B + b)];
        if (sample >= 0) source.read(sample, tokens, segments);
        for (std::int64_t t = 0; t < T; ++t) {
          const auto i = static_cast<std::size_t>(t);
          const bool counts = sample >= 0 && (sample + t) % 3 != 0;
          counted += counts;
          CHECK(at[t] == (sample < 0 ? 0 : tokens[i]));
          CHECK(at[T + t] == (counts ? tokens[i + 1] : ignored_label));
          CHECK(at[2 * T + t] == (sample < 0 ? 0 : segments[i]));
        }
      }
    }
    CHECK(valid == counted);
  }
}
