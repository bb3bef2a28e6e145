// SPDX-License-Identifier: Apache-2.0
// Under mpirun: real ranks, their machine, and what is between them.
#include "launch/doctor/doctor_job.hpp"

#include <filesystem>

#include "parallel/communicator_mpi.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/checkpoint/agreement.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("doctor_job: facts of all ranks on rank 0, of none on the others") {
  const std::unique_ptr<Communicator> world = make_mpi_world();
  const test::TemporaryFolder own;
  std::vector<std::string> phases;
  JobQuestion question;
  question.folder = broadcast_text(*world, own.path());
  question.phase = [&](const std::string& phase) { phases.push_back(phase); };
  const ExaminedJob job = gather_job(*world, {world->rank(), world->size()}, question);
  CHECK(std::filesystem::is_empty(own.path()));
  CHECK(phases.size() >= 6);
  CHECK(job.needs.folder_named);
  CHECK(job.ranks.size() == (world->rank() == 0 ? static_cast<std::size_t>(world->size()) : 0u));
  for (const RankFacts& rank : job.ranks) {
    INFO("rank " << rank.rank);
    CHECK(rank.rank == &rank - job.ranks.data());
    CHECK(rank.local.rank == rank.rank);
    CHECK(rank.host == job.ranks[0].host);
    CHECK(rank.binary.size() > 8);
    CHECK(rank.file_hash.size() == 64);
    CHECK(rank.versions == job.ranks[0].versions);
    CHECK(rank.versions.at("mpi").find("MPI") != std::string::npos);
    CHECK_FALSE(rank.processors.empty());
    CHECK(rank.memory_available.value > 0);
    CHECK(rank.folder.sees);
    CHECK(rank.folder.path == question.folder);
    CHECK(rank.products.value > 0);
    CHECK(std::abs(rank.clock.ahead.value) <= rank.clock.bound.value + 1e-3);  // one machine, one clock
    CHECK(rank.route.empty());
    CHECK(rank.machine.size() > 5);
  }
  if (world->rank() == 0) {
    REQUIRE(job.pairs.size() == 1);
    CHECK(job.pairs[0].pair.b == 1);
    CHECK(job.pairs[0].rate > 0);
  }
}

TEST_CASE("doctor_job: quick times nothing") {
  const std::unique_ptr<Communicator> world = make_mpi_world();
  JobQuestion question;
  question.quick = true;
  const ExaminedJob job = gather_job(*world, {world->rank(), world->size()}, question);
  CHECK(job.pairs.empty());
  CHECK_FALSE(job.needs.folder_named);
  for (const RankFacts& rank : job.ranks) CHECK(rank.products.value == 0);
}
