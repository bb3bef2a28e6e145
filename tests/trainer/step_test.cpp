// SPDX-License-Identifier: Apache-2.0
#include "trainer/step.hpp"

#include <ATen/ops/equal.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "tests/trainer/one_rank.hpp"
#include "trainer/optimizer/schedule.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

double norm_of(const at::Tensor& flat) {
  double sum = 0;
  for (std::int64_t i = 0; i < flat.numel(); ++i) sum += flat.data_ptr<double>()[i] * flat.data_ptr<double>()[i];
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a step reports the mean loss, the norm of its gradient and the rate of its number") {
  const test::TinyRun tiny;
  test::OneRank one(tiny, {"optimizer.clip=0"});
  const StepResult result = run_step(one.replica, one.loader.next(), 1);
  CHECK(std::abs(result.loss - std::log(257.0)) < 0.2);
  CHECK(result.grad_norm == Approx(norm_of(one.replica.parameters.flat_gradients())).epsilon(1e-12));
  CHECK(result.lr == learning_rate(one.config.optimizer, one.config.train.steps, 1));
  CHECK_FALSE(result.clipped);
  CHECK_FALSE(result.skipped);
}

TEST_CASE("the first update of AdamW moves every weight by the rate, and clipping does not change its direction") {
  const test::TinyRun tiny;
  test::OneRank free(tiny, {"optimizer.clip=0", "optimizer.weight_decay=0"}),
      clipped(tiny, {"optimizer.clip=1e-3", "optimizer.weight_decay=0"});
  const at::Tensor before = free.replica.parameters.flat_parameters().clone();
  run_step(free.replica, free.loader.next(), 1);
  const StepResult result = run_step(clipped.replica, clipped.loader.next(), 1);
  CHECK(result.clipped);
  const double* start = before.data_ptr<double>();
  const double* now = free.replica.parameters.flat_parameters().data_ptr<double>();
  double largest = 0;
  for (std::int64_t i = 0; i < before.numel(); ++i) largest = std::max(largest, std::abs(now[i] - start[i]));
  CHECK(largest == Approx(result.lr).epsilon(1e-3));
  // The clipped gradients reach the moments: their norm is (1 - beta1) x clip.
  CHECK(norm_of(clipped.replica.first_moment) == Approx(0.1 * 1e-3).epsilon(1e-6));
}

TEST_CASE("a step that is not finite changes nothing") {
  const test::TinyRun tiny;
  test::OneRank one(tiny);
  double& weight = one.replica.parameters.flat_parameters().data_ptr<double>()[5];
  weight = NAN;
  const at::Tensor before = one.replica.parameters.flat_parameters().clone();
  const StepResult result = run_step(one.replica, one.loader.next(), 1);
  CHECK(result.skipped);
  CHECK_FALSE(result.clipped);
  CHECK(std::memcmp(before.data_ptr(), one.replica.parameters.flat_parameters().data_ptr(), static_cast<std::size_t>(before.nbytes())) ==
        0);
  CHECK(norm_of(one.replica.first_moment) == 0);
}

TEST_CASE("a step without a valid label has loss 0 and a gradient of 0") {
  const test::TinyRun tiny;
  test::OneRank one(tiny);
  Loader silent(one.source, {1, accumulation(one.config), 1}, one.communicators, initial_data_state(one.source, 1),
                [](std::int64_t, std::span<std::uint8_t> counts) { std::fill(counts.begin(), counts.end(), std::uint8_t{0}); });
  const StepResult result = run_step(one.replica, silent.next(), 1);
  CHECK(result.loss == 0);
  CHECK(result.grad_norm == 0);
  CHECK_FALSE(result.skipped);
}

TEST_CASE("ranks agree on the largest stop request") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.dp=2"});
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
    Replica replica(config, communicators);
    Loader loader(source, {1, accumulation(config), 1}, communicators, initial_data_state(source, 1));
    const StopRequest mine = communicators.world->rank() == 1 ? StopRequest::requeue : StopRequest::none;
    if (run_step(replica, loader.next(), 1, [&] { return mine; }).stop != StopRequest::requeue) throw std::runtime_error("not agreed");
    if (run_step(replica, loader.next(), 2).stop != StopRequest::none) throw std::runtime_error("not forgotten");
  });
}

TEST_CASE("ranks agree on a loss out of line and on a save under way, and an update waits until what it changes is copied") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.dp=2"});
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
    Replica replica(config, communicators);
    Loader loader(source, {1, accumulation(config), 1}, communicators, initial_data_state(source, 1));
    const bool mine = communicators.world->rank() == 1;
    const at::Tensor before = replica.parameters.flat_parameters().clone();
    double judged = 0;
    bool changed = true;
    const StepCalls calls = {[&](double loss) { return judged = loss, mine; }, [&] { return mine; },
                             [&] {
                               changed = !at::equal(before, replica.parameters.flat_parameters());
                               return Seconds{0.25};
                             }};
    const StepResult result = run_step(replica, loader.next(), 1, {}, calls);
    if (!result.leaped || !result.writing) throw std::runtime_error("not agreed");
    if (judged != result.loss) throw std::runtime_error("judged by another loss");
    if (changed || at::equal(before, replica.parameters.flat_parameters())) throw std::runtime_error("updated at another time");
    if (result.held.value != 0.25) throw std::runtime_error("the wait is not told");
    const StepResult next = run_step(replica, loader.next(), 2);
    if (next.leaped || next.writing || next.held.value != 0) throw std::runtime_error("not forgotten");
  });
}

TEST_CASE("the steady state takes no new memory from the arenas") {
  const test::TinyRun tiny;
  test::OneRank one(tiny);
  for (int step = 1; step <= 2; ++step) run_step(one.replica, one.loader.next(), step);
  const std::int64_t growths = one.replica.scratch.growths();
  const Bytes saved = one.replica.model.saved_bytes();
  for (int step = 3; step <= 5; ++step) run_step(one.replica, one.loader.next(), step);
  CHECK(one.replica.scratch.growths() == growths);
  CHECK(one.replica.model.saved_bytes() == saved);
}

TEST_CASE("a stop that another rank does not come to agree on ends the step as stuck, within seconds") {
  const test::TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.dp=2"});
  struct Gone {};
  std::atomic<bool> given_up = false;
  std::string said;
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    ergon::test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
    Replica replica(config, communicators);
    Loader loader(source, {1, accumulation(config), 1}, communicators, initial_data_state(source, 1));
    const StepBatch& batch = loader.next();
    try {
      if (communicators.world->rank() == 0) run_step(replica, batch, 1, [] { return StopRequest::requeue; });
      if (communicators.world->rank() == 1)
        run_step(replica, batch, 1, [&]() -> StopRequest {
          while (!given_up) std::this_thread::yield();  // gets this far and no further
          throw Gone();
        });
    } catch (const Error& error) {
      if (error.code() == ExitCode::stuck) said = error.what();
    } catch (const Gone&) {
    }
    given_up = true;
  });
  CHECK_THAT(said, Catch::Contains("did not arrive within 5 s"));
}
