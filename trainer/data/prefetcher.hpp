// SPDX-License-Identifier: Apache-2.0
// Reads steps ahead on a thread of its own, into a fixed set of slots: those that it was asked for, in that order. A slot is asked for
// again only when what was taken of it is no longer used, so nothing is allocated after the start. Whoever would wait for a step reads
// along, a few samples at a time: what a processor has read itself it need not fetch from another's cache.
//
// Thread safety: one thread asks and takes. Both threads call pread, never MPI.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "trainer/data/step_reader.hpp"

namespace ergon {

class Prefetcher {
 public:
  struct Slot {
    std::vector<std::int64_t> samples, places;  // of a step, as StepReader::fill has them
    at::Tensor payload;
    StepCounts counts;
    std::int64_t begun = 0, read = 0;  // of this rank's samples
  };

  // `reader` outlives it and is used by the thread that takes.
  Prefetcher(StepReader& reader, std::int64_t slots);
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher();

  // The next step; at most `slots` are asked for and not yet taken, the one taken last among them.
  void ask(std::span<const std::int64_t> samples, std::span<const std::int64_t> places);
  // The oldest step that was asked for, whole. Throws what a read of it, or of a later one, has thrown once all before are taken.
  const Slot& take();

 private:
  struct Part {
    std::size_t step;
    std::int64_t first, count;  // samples
  };

  Slot& at(std::size_t step) { return slots_[step % slots_.size()]; }
  std::optional<Part> begin_part();
  std::optional<Part> part_of(std::size_t step);
  std::optional<Part> next();
  bool read(const Part& part, StepReader& reader);
  void look_for_next() const;
  void run();

  StepReader& reader_;  // of the thread that takes
  StepReader ahead_;    // of the other
  std::vector<Slot> slots_;
  std::size_t asked_ = 0, taken_ = 0;  // steps; written by the thread that takes alone
  std::size_t begun_ = 0;              // steps whose last sample is being read
  std::atomic<std::size_t> read_ = 0;  // steps that are there
  std::mutex mutex_;
  std::condition_variable wanted_, there_;
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ergon
