// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_error.hpp"

#include <set>

#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("nccl_error: what each result means for a communicator") {
  CHECK(fault_of(ERGON_NCCL_SUCCESS) == NcclFault::none);
  CHECK(fault_of(ERGON_NCCL_IN_PROGRESS) == NcclFault::none);
  CHECK(fault_of(ERGON_NCCL_INVALID_ARGUMENT) == NcclFault::local);
  for (int transient : {ERGON_NCCL_SYSTEM_ERROR, ERGON_NCCL_REMOTE_ERROR}) CHECK(fault_of(transient) == NcclFault::transient);
  for (int fatal : {int{ERGON_NCCL_UNHANDLED_CUDA_ERROR}, int{ERGON_NCCL_INTERNAL_ERROR}, int{ERGON_NCCL_INVALID_USAGE}, 99})
    CHECK(fault_of(fatal) == NcclFault::fatal);
}

TEST_CASE("nccl_error: NCCL's own words, and a way out for each class") {
  std::set<std::string> hints;
  for (int result = ERGON_NCCL_UNHANDLED_CUDA_ERROR; result < ERGON_NCCL_IN_PROGRESS; ++result) {
    const Error error = nccl_error(NcclMock::nccl(), result, nullptr, "ncclSend", "cp", ExitCode::stuck);
    CHECK(error.problem() == fmt::format("ncclSend failed: {}: the mock's last word", NcclMock::nccl().error_string(result)));
    CHECK(error.where() == "cp");
    CHECK(error.code() == ExitCode::stuck);
    hints.insert(error.hint());
  }
  CHECK(hints.size() == 6);
}

TEST_CASE("nccl_error: CUDA's") {
  const Error error = device_error(NcclMock::device(), 700, "cudaEventQuery", "device 3");
  CHECK(error.problem() == "cudaEventQuery failed: the mock's device failed");
  CHECK(error.where() == "device 3");
}

}  // namespace ergon
