// SPDX-License-Identifier: Apache-2.0
#include "launch/data/split_words.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a word on the line is a split or all of them") {
  CHECK(split_choices() == std::vector<std::string>{"all", "train", "valid", "test"});
  CHECK(split_of_choice("valid") == Split::validation);
  CHECK(!split_of_choice("all"));
}

TEST_CASE("counts stand by the names of the splits") {
  const nlohmann::json json = splits_json({1, 2, 3}, {10, 20, 30});
  CHECK(json["train"] == nlohmann::json({{"documents", 1}, {"tokens", 10}}));
  CHECK(json["test"]["tokens"] == 30);
}
