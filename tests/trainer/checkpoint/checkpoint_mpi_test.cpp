// SPDX-License-Identifier: Apache-2.0
// Save, commit and load over real MPI processes.
#include <mpi.h>

#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;

namespace {

// One folder for all ranks, removed by rank 0.
struct Shared {
  std::unique_ptr<Communicator> control = make_mpi_world();
  std::unique_ptr<TemporaryFolder> owner = control->rank() == 0 ? std::make_unique<TemporaryFolder>() : nullptr;
  std::string run = broadcast_text(*control, owner ? owner->path() : "");
  ~Shared() { control->barrier().wait(); }
};

}  // namespace

TEST_CASE("ranks of MPI save and load together, on one mesh and another") {
  Shared shared;
  Storage storage;
  const int rank = shared.control->rank(), size = shared.control->size();
  const std::string uuid = broadcast_text(*shared.control, rank == 0 ? run_identity(storage, shared.run) : "");
  CheckpointSaver saver(storage, {shared.run, uuid, 1, rank, {2}, {}});
  for (const std::int64_t step : {1, 2, 3}) {
    const SaveResult result = saver.save(model(where(2, size / 2, rank, Cut::zero), step, Size::large), state_of(step), *shared.control);
    CHECK_FALSE(result.error);
    CHECK(result.id.step == step);
  }
  for (const int tp : {1, 2, size}) {
    CheckpointLoader loader(storage, shared.run, *shared.control);
    CHECK(loader.open());
    const auto tensors = model(where(tp, size / tp, rank, Cut::owner), -1, Size::large);
    loader.load(tensors);
    CHECK(loader.state().step == 3);
    CHECK(holds(tensors, 3));
  }
}

TEST_CASE("the failure of one MPI rank is the failure of all, and the next save works") {
  Shared shared;
  const int rank = shared.control->rank(), size = shared.control->size();
  FaultyStorage storage(rank == size - 1 ? Fault::full : Fault::none, 2);
  CheckpointSaver saver(storage, {shared.run, "r", 1, rank, {1}, {}});
  const SaveResult failed = saver.save(model(where(1, size, rank, Cut::zero), 1), state_of(1), *shared.control);
  CHECK(failed.error);
  if (failed.error) CHECK(contains(failed.error->problem(), "planted failure"));
  CHECK_FALSE(saver.save(model(where(1, size, rank, Cut::zero), 2), state_of(2), *shared.control).error);
}
