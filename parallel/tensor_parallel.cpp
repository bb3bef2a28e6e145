// SPDX-License-Identifier: Apache-2.0
#include "parallel/tensor_parallel.hpp"

#include "configs/error.hpp"

namespace ergon::tensor_parallel {

void gather_columns(Communicator& tp, const at::Tensor& whole_RC, const at::Tensor& y_RC, const at::Tensor& scratch) {
  const std::int64_t ranks = tp.size(), rows = y_RC.size(0), columns = y_RC.size(1);
  ERGON_CHECK(whole_RC.size(0) == rows && whole_RC.size(1) == ranks * columns, "{} ranks of [{}, {}] into [{}, {}]", ranks, rows, columns,
              whole_RC.size(0), whole_RC.size(1));
  if (ranks == 1) {
    tp.all_gather(whole_RC, y_RC).wait();
    return;
  }
  const at::Tensor parts_nRC = scratch.view({-1}).narrow(0, 0, ranks * rows * columns).view({ranks, rows, columns});
  tp.all_gather(parts_nRC, y_RC).wait();
  whole_RC.view({rows, ranks, columns}).copy_(parts_nRC.transpose(0, 1));
}

at::Tensor own_columns(const Communicator& tp, const at::Tensor& whole_RC) {
  ERGON_CHECK(whole_RC.size(1) % tp.size() == 0, "{} columns over {} ranks", whole_RC.size(1), tp.size());
  const std::int64_t columns = whole_RC.size(1) / tp.size();
  return whole_RC.narrow(1, tp.rank() * columns, columns);
}

}  // namespace ergon::tensor_parallel
