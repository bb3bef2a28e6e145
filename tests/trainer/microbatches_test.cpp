// SPDX-License-Identifier: Apache-2.0
#include "trainer/microbatches.hpp"

#include <mutex>

#include "configs/error.hpp"
#include "parallel/plan/refusals.hpp"
#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

struct Sums {
  double training = 0, evaluation = 0;
};

// Of all stages together, of the first batch; every rank's buckets must have been filled in their order.
Sums sums_of(const RunConfig& config) {
  Sums sums;
  std::mutex mutex;
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    test::InspectingStorage storage;
    const TokenSource source(config.data.train, Split::train, config.model.sequence, storage);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1);
    Replica replica(config, communicators);
    Loader loader(source, {config.train.microbatch, accumulation(config), 1}, communicators, initial_data_state(source, 1));
    const StepBatch& batch = loader.next();
    const double evaluation = run_evaluation_passes(replica, batch);
    const TrainingPasses passes = run_training_passes(replica, batch, 1, 1e-3);
    replica.reduction->finish();
    const bool last = communicators.host_pp->rank() + 1 == communicators.host_pp->size();
    if (!last && (passes.loss != 0 || evaluation != 0)) throw std::runtime_error("a stage before the last has a loss");
    if (passes.seconds.forward.value <= 0 || passes.seconds.backward.value <= 0) throw std::runtime_error("no time passed");
    const std::lock_guard lock(mutex);
    sums.training += passes.loss;
    sums.evaluation += evaluation;
  });
  return sums;
}

}  // namespace

TEST_CASE("microbatches: losses of the passes are those of one stage, in training and in evaluation") {
  const test::TinyRun tiny;
  const std::vector<std::string> base = {"model.layers=4", "train.batch=4"};
  const Sums one = sums_of(tiny.config(base));
  CHECK(one.training != one.evaluation);  // dropout
  for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) {
    std::vector<std::string> keys = base;
    keys.insert(keys.end(), {"mesh.pp=2", std::string("mesh.schedule=\"") + schedule + "\""});
    if (std::string(schedule) == "interleaved") keys.emplace_back("mesh.virtual_stages=2");
    const Sums staged = sums_of(tiny.config(keys));
    CAPTURE(schedule);
    CHECK(staged.training == Approx(one.training).epsilon(1e-12));
    CHECK(staged.evaluation == Approx(one.evaluation).epsilon(1e-12));
  }
}

TEST_CASE("microbatches: a slot is taken once, and found again until it is given back") {
  SlotTable slots(2, 3, 1);
  CHECK(slots.take(0, 0) == 0);
  CHECK(slots.take(1, 0) == 1);
  CHECK_THROWS_AS(slots.take(2, 0), Bug);
  CHECK(slots.of(1, 0) == 1);
  CHECK(slots.give_back(0, 0) == 0);
  CHECK(slots.take(2, 0) == 0);
  slots.begin_step();
  CHECK(slots.take(2, 0) == 0);
}
