// SPDX-License-Identifier: Apache-2.0
#include "configs/key_table.hpp"
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::parsed;
using test::refused;

namespace {

using Integers = std::vector<std::int64_t>;

bool holds(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text << "\npart: " << part);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sources with weights are written as tables and kept as the smallest integers in the same ratio") {
  const RunConfig config =
      parsed("[data]\ntrain = [{path = \"a.h5\", weight = 0.7}, {path = \"b.h5\", weight = 0.25}, {weight = 5e-2, path = \"c.h5\"}]\n");

  CHECK(config.data.train == std::vector<std::string>{"a.h5", "b.h5", "c.h5"});
  CHECK(config.data.weights == Integers{14, 5, 1});
  CHECK(holds(to_toml(config), "weights = [14, 5, 1]"));
  CHECK(parsed(to_toml(config)) == config);
  // An array of tables says the same.
  CHECK(parsed("[[data.train]]\npath = \"a\"\nweight = 3\n[[data.train]]\npath = \"b\"\nweight = 1.5\n").data.weights == Integers{2, 1});
}

TEST_CASE("weights are exact: no decimal passes through a rounded sum") {
  const std::string three = "data.train=[\"a\", \"b\", \"c\"]";
  CHECK(overridden({three, "data.weights=[0.1, 0.2, 0.3]"}).data.weights == Integers{1, 2, 3});
  CHECK(overridden({three, "data.weights=[1e3, 0, 500]"}).data.weights == Integers{2, 0, 1});
  CHECK(overridden({three, "data.weights=[2147483648, 1, 1]"}).data.weights == Integers{std::int64_t{1} << 31, 1, 1});
  CHECK(overridden({three, "data.weights=[1, 1, 1]", "data.weights=[]"}).data.weights.empty());
}

TEST_CASE("weights that are none are refused") {
  for (const char* weights : {"[1, -1]", "[0, 0]", "[\"1\"]", "[true]", "0.5"})
    CHECK(holds(refused({std::string("data.weights=") + weights}), "data.weights takes a list of numbers >= 0, not all 0, not "));
  for (const char* weights : {"[2147483649, 1]", "[1, 1e-10]", "[1e30, 1e-30]"})
    CHECK(holds(refused({std::string("data.weights=") + weights}), "takes weights whose ratio is one of integers up to 2^31, not "));
  for (const char* train : {"[{path = \"a\"}]", "[{path = \"a\", weight = 1, name = \"x\"}]", "[{path = \"a\", weigth = 1}]",
                            "[{path = \"a\", weight = 1}, \"b\"]"})
    CHECK(holds(refused({std::string("data.train=") + train}), "data.train takes a text, a list of texts, or a list of tables {path"));
  CHECK(holds(refused({"data.train=[\"b\", {path = \"a\", weight = 1}]"}), "hint: give every source its weight, or none"));
  CHECK(holds(refused({"data.train=[{path = \"a\\u0000b\", weight = 1}]"}), "takes a path without control characters"));
}

TEST_CASE("a curriculum, skipped ranges and the rest write their fields") {
  const RunConfig config =
      overridden({"data.train=[\"a\", \"b\"]", "data.weights=[1, 1]", "data.curriculum=[{from_step = 1000, weights = [0.2, 0.8]}]",
                  "data.skip=[[0, 5], [7, 9]]", "data.prefetch=8"});

  CHECK(config.data.curriculum == std::vector<MixStage>{{1000, {1, 4}}});
  CHECK(config.data.skip == std::vector<SkipRange>{{0, 5}, {7, 9}});
  CHECK(config.data.prefetch == 8);
  CHECK(parsed(to_toml(config)) == config);

  for (const char* stages : {"[{from_step = 1}]", "[5]", "{}", "[{from_step = 1, weights = []}]"})
    CHECK(holds(refused({std::string("data.curriculum=") + stages}), "data.curriculum takes a list of tables {from_step = 1000"));
  CHECK(holds(refused({"data.curriculum=[{from_step = 0, weights = [1]}]"}), "data.curriculum takes a whole number >= 1, not 0"));
  for (const char* ranges : {"5", "[5]", "[[5]]", "[[5, 5]]", "[[1, 2, 3]]"})
    CHECK(holds(refused({std::string("data.skip=") + ranges}), "data.skip takes a list of ranges [begin, end]"));
  CHECK(holds(refused({"data.skip=[[-1, 5]]"}), "data.skip takes a whole number >= 0, not -1"));
  CHECK(holds(refused({"data.prefetch=0"}), "data.prefetch takes a whole number from 1 to 64, not 0"));
  CHECK(holds(refused({"data.packing=best"}), "data.packing takes one of stream|best_fit"));
}

TEST_CASE("what a resumed run may change in its order of samples") {
  for (const char* name : {"data.weights", "data.curriculum", "data.skip"}) CHECK(find_key(name)->on_resume == OnResume::recorded);
  CHECK(find_key("data.packing")->on_resume == OnResume::fixed);
  for (const char* name : {"data.train", "data.packing_table", "data.prefetch"}) CHECK(find_key(name)->on_resume == OnResume::free);
}
