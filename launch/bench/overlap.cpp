// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/overlap.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "configs/clock.hpp"
#include "launch/bench/message.hpp"
#include "parallel/mpi.hpp"
#include "trainer/attention/tiled.hpp"

namespace ergon {
namespace {

// A block of attention of about a quarter of a millisecond.
class ComputeBlock {
 public:
  ComputeBlock()
      : q_(at::randn({1, rows, 1, width}, at::kFloat)),
        k_(at::randn(q_.sizes(), at::kFloat)),
        v_(at::randn(q_.sizes(), at::kFloat)),
        result_{at::empty(q_.sizes(), at::kFloat), at::empty({1, 1, rows}, at::kFloat)} {
    mask_.queries = mask_.keys = {{0, rows, 1}};
    mask_.causal = false;
  }
  void operator()() { kernel_.forward({q_, k_, v_, mask_, {}, 0.125}, result_); }

 private:
  static constexpr std::int64_t rows = 256, width = 64;
  at::Tensor q_, k_, v_;
  AttentionOutput result_;
  BlockMask mask_;
  TiledAttention kernel_;
};

// Polls MPI from a thread of its own while it lives: a look for messages in a group in which nobody sends.
class PollingThread {
 public:
  explicit PollingThread(const MpiComm& group)
      : thread_([this, comm = group.get()] {
          while (!stop_) {
            int found = 0;
            MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &found, MPI_STATUS_IGNORE);
            std::this_thread::sleep_for(std::chrono::microseconds(50));
          }
        }) {}
  ~PollingThread() {
    stop_ = true;
    thread_.join();
  }
  PollingThread(const PollingThread&) = delete;
  PollingThread& operator=(const PollingThread&) = delete;

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::int64_t agreed_blocks(Communicator& world, double transfer, double block) {
  const at::Tensor blocks = at::full({1}, static_cast<std::int64_t>(std::ceil(2 * transfer / block)), at::kLong);
  world.all_reduce(blocks, Reduction::max).wait();
  return std::clamp<std::int64_t>(blocks.data_ptr<std::int64_t>()[0], 8, 1000);
}

}  // namespace

OverlapFigures measure_overlap(Communicator& world, Collective operation, std::int64_t bytes, std::int64_t rounds) {
  BenchMessage message(world, operation, bytes);
  ComputeBlock block;
  const MpiComm polled = MpiComm::copy(MPI_COMM_WORLD, "polled by a thread");
  const auto timed = [](auto&& body) {
    const Clock::time_point begin = Clock::now();
    body();
    return since(begin).value;
  };
  const TimedCase transfer = [&](std::span<double> seconds) { seconds[0] = message.time().value; };
  const TimedCase one_block = [&](std::span<double> seconds) { seconds[0] = timed(block); };
  const RoundFigures parts(world, {transfer, one_block}, 1, rounds);

  OverlapFigures figures;
  figures.blocks = agreed_blocks(world, parts.slowest(0, 0), parts.slowest(1, 0));
  const auto together = [&](const auto& between) {
    Work work = message.start();
    for (std::int64_t i = 0; i < figures.blocks; ++i) {
      block();
      between(work);
    }
    work.wait();
  };
  const auto nothing = [](Work&) {};
  const TimedCase compute = [&](std::span<double> seconds) {
    seconds[0] = timed([&] {
      for (std::int64_t i = 0; i < figures.blocks; ++i) block();
    });
  };
  const TimedCase unpolled = [&](std::span<double> seconds) { seconds[0] = timed([&] { together(nothing); }); };
  const TimedCase by_test = [&](std::span<double> seconds) { seconds[0] = timed([&] { together([](Work& work) { work.query(); }); }); };
  const TimedCase by_thread = [&](std::span<double> seconds) {
    const PollingThread thread(polled);
    seconds[0] = timed([&] { together(nothing); });
  };
  const RoundFigures measured(world, {transfer, compute, unpolled, by_test, by_thread}, 1, rounds);
  figures.transfer = measured.slowest(0, 0);
  figures.compute = measured.slowest(1, 0);
  figures.unpolled = measured.slowest(2, 0);
  figures.polled = measured.slowest(3, 0);
  figures.polled_by_thread = measured.slowest(4, 0);
  return figures;
}

double hidden_share(const OverlapFigures& figures, double together) {
  return (figures.transfer + figures.compute - together) / std::min(figures.transfer, figures.compute);
}

}  // namespace ergon
