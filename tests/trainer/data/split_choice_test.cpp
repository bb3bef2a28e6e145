// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/split_choice.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("the place of a document is the head of its SHA-256") {
  Sha256 hash;
  hash.add("abc");  // ba7816bf 8f01cfea ...
  CHECK(split_place(hash) == static_cast<double>(0xba7816bf8f01cfeaULL >> 11) * 0x1p-53);
  CHECK(split_at(0.05, {0.1, 0.2}) == Split::validation);
  CHECK(split_at(0.1, {0.1, 0.2}) == Split::test);
  CHECK(split_at(0.31, {0.1, 0.2}) == Split::train);
}

TEST_CASE("fractions that are none are refused") {
  const auto refused = [](double validation, double test) {
    return problem_of([&] { check_fractions({validation, test}); }, ExitCode::config);
  };
  CHECK(contains(refused(1, 0), "--valid: 1 is not a fraction"));
  CHECK(contains(refused(0, -0.5), "--test: -0.5 is not a fraction"));
  CHECK(contains(refused(0.5, 0.5), "0.5 + 0.5 leaves no document for training"));
}
