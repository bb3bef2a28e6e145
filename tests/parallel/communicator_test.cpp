// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator.hpp"

#include <ATen/ops/zeros.h>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("communicator: events against an independent table, over threads") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_events) == "");
}

TEST_CASE("communicator: events against an independent table, over MPI") { CHECK(on_group(*make_mpi_world(), check_events) == ""); }

TEST_CASE("communicator: many operations under way") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_order) == "");
  CHECK(on_group(*make_mpi_world(), check_order) == "");
}

TEST_CASE("communicator: what it refuses") {
  for (int size : {1, 3}) CHECK(on_threads(size, check_refusals) == "");
  CHECK(on_group(*make_mpi_world(), check_refusals) == "");
}

TEST_CASE("communicator: exposed seconds are those inside wait") {
  struct Last final : CommunicationObserver {
    void completed(const CommunicationEvent& event) override { last = event; }
    CommunicationEvent last{};
  } observer;
  auto ranks = make_local_group(2, "pair");
  ranks[0]->observe(&observer);
  Work mine = ranks[0]->barrier(), theirs = ranks[1]->barrier();
  CHECK(mine.query());
  CHECK(observer.last.group == "pair");
  CHECK(observer.last.exposed.value == 0.0);
  mine = ranks[0]->barrier();
  theirs = ranks[1]->barrier();
  mine.wait();
  CHECK(observer.last.sequence == 1);
  CHECK(observer.last.exposed.value > 0.0);
  CHECK(observer.last.seconds.value >= observer.last.exposed.value);
}

TEST_CASE("communicator: names") {
  CHECK(std::string(name(Collective::all_reduce)) == "all_reduce");
  CHECK(std::string(name(Collective::barrier)) == "barrier");
}

}  // namespace ergon
