// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/philox.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "trainer/kernels/dropout_mask.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("32 golden values of an independent implementation") {
  const char* source = std::getenv("ERGON_SOURCE");
  std::ifstream file(std::string(source ? source : ".") + "/tests/golden/philox.json");
  REQUIRE(file);
  const auto golden = nlohmann::json::parse(file);
  int count = 0;
  for (const auto& g : golden["blocks"]) {
    const PhiloxKey key = philox_key(g["seed"], static_cast<Stream>(g["stream"].get<int>()));
    CHECK(key == g["key"].get<PhiloxKey>());
    CHECK(philox4x32(g["counter"].get<PhiloxBlock>(), key) == g["words"].get<PhiloxBlock>());
    ++count;
  }
  for (const auto& g : golden["uniforms"]) {
    const auto element = g["element"].get<std::uint64_t>();
    const PhiloxKey key = philox_key(g["seed"], static_cast<Stream>(g["stream"].get<int>()));
    const PhiloxBlock words =
        philox4x32({g["step"].get<std::uint32_t>(), g["layer"].get<std::uint32_t>() * 8 + g["site"].get<std::uint32_t>(),
                    static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32)},
                   key);
    const double uniform = g["uniform"];
    CHECK(static_cast<double>(uniform24(words[0])) == uniform);
    // The vectorised decision flips exactly between p = uniform and the next p.
    for (const double p : {uniform, uniform + 0x1p-24}) {
      const DropoutPlan plan =
          dropout_plan(p, g["seed"], static_cast<Stream>(g["stream"].get<int>()), g["step"], g["layer"], g["site"].get<unsigned>());
      CHECK((dropout_factor<double>(plan, element) > 0.0) == (uniform >= p));
    }
    ++count;
  }
  for (const auto& g : golden["normals"]) {
    const double got = normal(philox_key(g["seed"], Stream::init), fnv1a(g["name"].get<std::string>()), g["element"].get<std::uint64_t>());
    CHECK(got == Approx(g["normal"].get<double>()).epsilon(1e-14));
    ++count;
  }
  CHECK(count == 32);
}

TEST_CASE("normals have mean 0, variance 1 and no fat tail") {
  double sum = 0, squares = 0, fourth = 0;
  constexpr int n = 200000;
  const PhiloxKey key = philox_key(1, Stream::init);
  for (int i = 0; i < n; ++i) {
    const double x = normal(key, 3, static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::abs(sum / n) < 0.01);
  CHECK(squares / n == Approx(1.0).epsilon(0.02));
  CHECK(fourth / n == Approx(3.0).epsilon(0.05));
}
