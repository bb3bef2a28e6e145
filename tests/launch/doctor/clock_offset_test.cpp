// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/clock_offset.hpp"

#include <fmt/format.h>

#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("clock_offset: the shortest round trip decides, its half is the bound") {
  // The second trip is the shortest: there the other clock is 3 s ahead; the first would say 13.
  const ClockReading reading = clock_reading({{{100}, {118}, {110}}, {{200}, {203.5}, {201}}, {{300}, {304}, {302}}});
  CHECK(reading.ahead.value == Approx(3.0));
  CHECK(reading.bound.value == Approx(0.5));
}

TEST_CASE("clock_offset: every rank's clock against rank 0's, within its bound") {
  const std::string failed = on_threads(3, [](Communicator& world, Failures& failures) {
    const double skew = 10.0 * world.rank();
    const auto readings = compare_clocks(world, 5, [skew] { return Seconds{wall_clock().value + skew}; });
    failures.expect(readings.size() == (world.rank() == 0 ? 3u : 0u), "readings on rank 0 only");
    for (std::size_t rank = 0; rank < readings.size(); ++rank) {
      const ClockReading& reading = readings[rank];
      failures.expect(std::abs(reading.ahead.value - 10.0 * static_cast<double>(rank)) <= reading.bound.value + 1e-6,
                      fmt::format("rank {}: {} +- {}", rank, reading.ahead.value, reading.bound.value));
    }
  });
  CHECK(failed == "");
}
