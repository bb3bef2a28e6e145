// SPDX-License-Identifier: Apache-2.0
#include "parallel/ordered_sum.hpp"

#include <ATen/ops/full.h>

#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("ordered_sum: float32 sums in rank order, rounded once, over threads and MPI") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_ordered_sum) == "");
  CHECK(on_group(*make_mpi_world(), check_ordered_sum) == "");
  CHECK(on_group(*make_mpi_world({.elements = 7}), check_ordered_sum) == "");
}

// 256 + 1 is 256 in bfloat16: adding one by one in bfloat16 would lose every 1.
TEST_CASE("ordered_sum: small terms survive") {
  const auto small_terms = [](Communicator& group, Failures& failures) {
    at::Tensor data = at::full({5}, group.rank() == 0 ? 256 : 1, at::kBFloat16);
    group.all_reduce(data).wait();
    failures.expect(data.eq(258).all().item<bool>(), "256 + 1 + 1 in bfloat16");
  };
  CHECK(on_threads(3, small_terms) == "");
}

}  // namespace ergon
