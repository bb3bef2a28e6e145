// SPDX-License-Identifier: Apache-2.0
#include "launch/run_device.hpp"

#include "configs/parse.hpp"
#include "launch/identity.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/collective_cases.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

RunConfig config(const std::string& device, const std::string& interface = "") {
  return parse_run_text("", "test", {"data.train=[\"tokens.h5\"]", "run.device=" + device, "launch.interface=\"" + interface + "\""});
}

}  // namespace

TEST_CASE("a run on the CPU opens nothing") {
  const auto world = std::move(make_local_group(1).front());
  const RunDevice device(config("cpu"), *world, {});
  CHECK(device.device() == at::Device(at::kCPU));
  CHECK(device.identity() == cpu_identity());
  CHECK_FALSE(device.groups());
}

// The test program has no libergon_cuda.so beside it, so every machine gets this far and no further.
TEST_CASE("a device that cannot be opened is one sentence on every rank, with its cure") {
  CHECK(on_threads(2, [](Communicator& world, Failures& failures) {
          try {
            const RunDevice device(config("cuda"), world, {});
            failures.expect(false, "opened");
          } catch (const Error& error) {
            failures.expect(error.code() == ExitCode::world, "its exit code");
            failures.expect(error.where() == "run.device", error.where());
            failures.expect(!error.hint().empty(), "a cure");
          }
        }) == "");
}

TEST_CASE("a network that a machine of the run does not have is named before NCCL looks for one") {
  const auto refused_at = [](int ranks) {
    return on_threads(ranks, [](Communicator& world, Failures& failures) {
      try {
        const RunDevice device(config("cuda", "203.0.113.0/24"), world, {});
        failures.expect(false, "opened");
      } catch (const Error& error) {
        const bool needs_network = world.size() > 1;
        failures.expect(error.where() == (needs_network ? "launch.interface" : "run.device"), error.where());
      }
    });
  };
  CHECK(refused_at(2) == "");
  CHECK(refused_at(1) == "");
}
