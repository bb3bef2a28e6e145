// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/cuda_probe.hpp"
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("plugin_nccl: our numbers are NCCL's") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  const Probed probed = probe_cuda("open", full_set());
  INFO(probed.output);
  for (const char* line :
       {"nccl 0: no error", "nccl 1: unhandled cuda error", "nccl 2: unhandled system error", "nccl 3: internal error",
        "nccl 4: invalid argument", "nccl 5: invalid usage", "nccl 6: remote process exited", "nccl 7: NCCL operation in progress"})
    CHECK(probed.says(line));
}

TEST_CASE("plugin_nccl: unique id over MPI and the start of a communicator, up to the missing driver") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  if (driver_here()) return test::skip("this machine has a driver");
  const Probed probed = probe_cuda("nccl", full_set(), 2);
  INFO(probed.output);
  CHECK(probed.code == 4);
  CHECK(probed.seconds < 60);
  for (const char* rank : {"rank 0: ", "rank 1: "}) {
    const std::size_t at = probed.output.find(std::string(rank) + "tp: ncclCommInitRankConfig failed: unhandled cuda error");
    CHECK(at != std::string::npos);
  }
  CHECK(probed.says("on ranks 0, 1 of 2"));
  CHECK(probed.says("look at the driver"));
}

}  // namespace ergon
