// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/prefetcher.hpp"

#include <ATen/ops/equal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>
#include <thread>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/storage_error.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr std::int64_t slots = 3;

// Reads of the data wait for uneven moments, so that the two threads meet in every order; from `fails_from` on they fail.
class UnevenStorage final : public InspectingStorage {
 public:
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    const std::int64_t number = uneven ? reads_++ : 0;
    if (uneven) std::this_thread::sleep_for(std::chrono::microseconds(number * 37 % 100));
    if (number >= fails_from) fail_call("pread", file.path(), ENXIO);
    InspectingStorage::pread(file, data, offset);
  }
  std::atomic<bool> uneven = false;
  std::int64_t fails_from = std::numeric_limits<std::int64_t>::max();

 private:
  std::atomic<std::int64_t> reads_ = 0;
};

// Step `step`: samples in an order of its own.
std::vector<std::int64_t> samples_of(std::int64_t step, std::int64_t batch, std::int64_t all) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(batch));
  for (std::int64_t i = 0; i < batch; ++i) samples[static_cast<std::size_t>(i)] = (step * 31 + i * 7) % all;
  return samples;
}

}  // namespace

TEST_CASE("a prefetcher gives what the reader alone gives, step by step, whoever reads which part") {
  TemporaryFolder folder;
  UnevenStorage storage;
  make_store(folder / "a.h5", some_documents(400), storage);
  const TokenSource source({folder / "a.h5"}, Split::train, 16, storage);
  const DocumentsApart documents{{}, {}, {.queries = 4, .keys = 4}};
  const LoaderShape shape{.microbatch = 7, .accumulation = 5, .objective = {documents, {}}};
  StepReader reader(source, shape, 2, 1, {}), alone(source, shape, 2, 1, {});
  std::vector<at::Tensor> expected;  // as many as slots: words of a row that say nothing are left as they were
  for (std::int64_t slot = 0; slot < slots; ++slot) expected.push_back(alone.make_payload());
  const auto asked = [&](std::int64_t step) { return samples_of(step, reader.batch(), source.samples()); };

  storage.uneven = true;
  Prefetcher prefetcher(reader, slots);
  for (std::int64_t step = 0; step < slots; ++step) prefetcher.ask(asked(step), asked(step));
  for (std::int64_t step = 0; step < 60; ++step) {
    const Prefetcher::Slot& slot = prefetcher.take();
    const at::Tensor& payload = expected[static_cast<std::size_t>(step % slots)];
    const StepCounts counts = alone.fill(asked(step), asked(step), payload);
    REQUIRE(at::equal(slot.payload, payload));
    CHECK(slot.counts.valid == counts.valid);
    CHECK(slot.counts.pairs == counts.pairs);
    prefetcher.ask(asked(step + slots), asked(step + slots));
  }
}

TEST_CASE("a prefetcher throws what a read has thrown, whichever thread read, and ends") {
  for (std::int64_t fails_from : {1, 2, 40, 150}) {
    TemporaryFolder folder;
    UnevenStorage storage;
    make_store(folder / "a.h5", some_documents(400), storage);
    const TokenSource source({folder / "a.h5"}, Split::train, 16, storage);
    StepReader reader(source, {.microbatch = 7, .accumulation = 5}, 1, 0, {});
    storage.fails_from = fails_from;
    storage.uneven = true;
    Prefetcher prefetcher(reader, slots);
    const std::vector<std::int64_t> samples = samples_of(0, reader.batch(), source.samples());
    for (std::int64_t step = 0; step < slots; ++step) prefetcher.ask(samples, samples);
    const auto take_all = [&] {
      for (std::int64_t step = 0; step < 60; ++step) {
        prefetcher.take();
        prefetcher.ask(samples, samples);
      }
    };
    CHECK_THROWS_AS(take_all(), CallError);
  }
}
