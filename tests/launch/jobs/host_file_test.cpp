// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/host_file.hpp"

#include <fstream>

#include "tests/configs/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

namespace {

std::string refused(const std::string& text) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "hosts") << text;
  return refusal([&] { read_host_file(folder / "hosts"); });
}

}  // namespace

TEST_CASE("host_file: names, slots, comments; a host on two lines is one") {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "hosts") << "# ours\nnode0 slots=4\n\n  node1.site   slots=2 max_slots=8  # spare\nnode2\nnode0 slots=1\n";
  const std::vector<Host> hosts = read_host_file(folder / "hosts");
  REQUIRE(hosts.size() == 3);
  CHECK(hosts[0].name == "node0");
  CHECK(hosts[0].slots == 5);
  CHECK(hosts[1].name == "node1.site");
  CHECK(hosts[1].slots == 2);
  CHECK(hosts[2].slots == 1);
}

TEST_CASE("host_file: what is no host is refused with its line") {
  CHECK(refused("").find("no host stands in this list") != std::string::npos);
  CHECK(refused("node0\n$(id)\n").find("hosts:2: '$(id)' is no part of a list of hosts") != std::string::npos);
  for (const char* line : {"-x", "a slots=0", "a slots=", "a slots=x", "a b", "a slots=9999999999"})
    CHECK(refused(line).find("is no part of a list of hosts") != std::string::npos);
  CHECK(refusal([] { read_host_file("/nowhere/hosts"); }).find("/nowhere/hosts") != std::string::npos);
}
