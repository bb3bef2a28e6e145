// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("the bigram baseline is below the unigram's, and wants tokens to count") {
  const TemporaryFolder& folder = text_store().folder;

  const auto bigram = nlohmann::json::parse(ergon_data(folder, "bigram a.h5 --json").out);
  CHECK(bigram["nats_per_token"].get<double>() < bigram["unigram_nats_per_token"].get<double>());
  CHECK_THAT(ergon_data(folder, "bigram a.h5").out, Contains("nats per token on the validation split"));
  CHECK_THAT(ergon_data(folder, "bigram a.h5 --max-tokens -1").err, Contains("--max-tokens: -1 tokens are too few"));
}
