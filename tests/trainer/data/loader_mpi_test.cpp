// SPDX-License-Identifier: Apache-2.0
// The loader over MPI: every mesh of the ranks at hand.
#include <unistd.h>

#include <filesystem>

#include "parallel/communicator_mpi.hpp"
#include "tests/trainer/data/loader_cases.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("loaders over MPI read the same steps on every mesh") {
  auto world = make_mpi_world();
  const int ranks = world->size();
  // The launcher's process id names one folder on all ranks.
  const std::string path = (std::filesystem::temp_directory_path() / ("ergon_loader_" + std::to_string(getppid()) + ".h5")).string();
  ergon::test::InspectingStorage storage;
  if (world->rank() == 0) make_store(path, some_documents(40), storage);
  world->barrier().wait();

  Findings findings;
  for (int tp = 1; tp <= ranks; tp *= 2) {
    const MeshSizes mesh{ranks / tp, 1, 1, tp};
    const DataState after = check_loader(path, mesh, make_mpi_world(), 16, 12, {}, uneven_mask, findings);
    check_loader(path, mesh, make_mpi_world(), 16, 3, after, {}, findings);
  }
  CHECK(findings.text() == "");

  world->barrier().wait();
  if (world->rank() == 0) storage.unlink(path);
}
