// SPDX-License-Identifier: Apache-2.0
#include "parallel/tensor_parallel.hpp"

#include <ATen/ops/empty.h>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

constexpr std::int64_t rows = 8, columns = 3;

// <f(x), y> = <x, f*(y)> over all ranks: what it means that one is the backward of the other.
double inner(Communicator& group, const at::Tensor& a, const at::Tensor& b) {
  at::Tensor sum = a.mul(b).sum().view({1});
  group.all_reduce(sum).wait();
  return sum.item<double>();
}

void check_pairs(Communicator& group, Failures& failures) {
  const int n = group.size(), me = group.rank();
  const auto numbers = [&](int seed, int rank, std::int64_t r, std::int64_t c) {
    return random_numbers(seed, rank, r * c, at::kDouble).view({r, c});
  };

  at::Tensor expected = numbers(1, 0, rows, columns);
  for (int r = 1; r < n; ++r) expected.add_(numbers(1, r, rows, columns));
  at::Tensor dx = numbers(1, me, rows, columns), y = dx.clone();
  tensor_parallel::copy_to_backward(group, dx).wait();
  tensor_parallel::reduce_from_forward(group, y).wait();
  failures.expect(dx.equal(expected) && y.equal(expected), "copy_to and reduce_from sum over ranks");

  const at::Tensor part = numbers(2, me, rows, columns), whole = at::empty({rows, n * columns}, at::kDouble),
                   scratch = at::empty({rows * n * columns}, at::kDouble);
  tensor_parallel::gather_columns(group, whole, part, scratch);
  for (int r = 0; r < n; ++r)
    failures.expect(whole.narrow(1, r * columns, columns).equal(numbers(2, r, rows, columns)), "gathered columns");
  failures.expect(tensor_parallel::own_columns(group, whole).equal(part), "own columns");

  const at::Tensor slice = numbers(3, me, rows, columns), all = at::empty({n * rows, columns}, at::kDouble),
                   direction = numbers(4, me, n * rows, columns), back = at::empty({rows, columns}, at::kDouble);
  tensor_parallel::gather_rows(group, all, slice).wait();
  tensor_parallel::scatter_rows(group, back, direction).wait();
  failures.expect(inner(group, all, direction) == inner(group, slice, back), "gather_rows and scatter_rows are conjugate");
}

}  // namespace

TEST_CASE("tensor_parallel: the pairs do what they say and are each other's backward") {
  for (int size : {1, 2, 3, 4}) CHECK(on_threads(size, check_pairs) == "");
  CHECK(on_group(*make_mpi_world(), check_pairs) == "");
}

TEST_CASE("tensor_parallel: shapes that do not fit are bugs") {
  auto group = make_local_group(2);
  CHECK_THROWS_AS(tensor_parallel::own_columns(*group[0], at::empty({2, 3})), Bug);
  CHECK_THROWS_AS(tensor_parallel::gather_columns(*group[0], at::empty({2, 5}), at::empty({2, 3}), at::empty({12})), Bug);
}

}  // namespace ergon
