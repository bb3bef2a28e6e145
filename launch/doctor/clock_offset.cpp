// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/clock_offset.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>

#include "configs/error.hpp"
#include "launch/doctor/wait_asleep.hpp"

namespace ergon {

ClockReading clock_reading(const std::vector<RoundTrip>& trips) {
  ERGON_CHECK(!trips.empty(), "no round trips");
  const auto length = [](const RoundTrip& trip) { return trip.received - trip.sent; };
  const RoundTrip& best = *std::ranges::min_element(trips, {}, length);
  return {{best.answered.value - best.sent.value / 2 - best.received.value / 2}, {length(best).value / 2}};
}

Seconds wall_clock() { return {std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()}; }

std::vector<ClockReading> compare_clocks(Communicator& world, int rounds, const WallClock& now) {
  const at::Tensor message = at::zeros({1}, at::kDouble);
  double& time = *message.mutable_data_ptr<double>();
  std::vector<ClockReading> readings;
  if (world.rank() == 0) {
    readings.emplace_back();
    for (int rank = 1; rank < world.size(); ++rank) {
      std::vector<RoundTrip> trips;
      for (int round = 0; round < rounds; ++round) {
        const Seconds sent = now();
        world.send(message, rank).wait();
        world.recv(message, rank).wait();
        trips.push_back({sent, {time}, now()});
      }
      readings.push_back(clock_reading(trips));
    }
  } else {
    for (int round = 0; round < rounds; ++round) {
      Work asked = world.recv(message, 0);
      if (round == 0) {
        wait_asleep(std::move(asked));  // the ranks before this one are at work
      } else {
        asked.wait();
      }
      time = now().value;
      world.send(message, 0).wait();
    }
  }
  wait_asleep(world.barrier());
  return readings;
}

}  // namespace ergon
