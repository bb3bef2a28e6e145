// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/network_interfaces.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

const std::vector<NetworkInterface> four = {
    {"lo", "127.0.0.1", 8, true}, {"eth0", "10.1.0.3", 16, false}, {"ib0", "10.2.0.3", 16, false}, {"ib0", "fd00::3", 64, false}};

}  // namespace

TEST_CASE("network_interfaces: a rule is names and networks") {
  CHECK(to_text(interfaces_of_rule(four, "")) == "eth0 10.1.0.3/16, ib0 10.2.0.3/16, ib0 fd00::3/64");
  CHECK(to_text(interfaces_of_rule(four, "ib0")) == "ib0 10.2.0.3/16, ib0 fd00::3/64");
  CHECK(to_text(interfaces_of_rule(four, "10.1.0.0/16")) == "eth0 10.1.0.3/16");
  CHECK(to_text(interfaces_of_rule(four, "10.1.0.0/16,lo")) == "eth0 10.1.0.3/16, lo 127.0.0.1/8");
  CHECK(to_text(interfaces_of_rule(four, "10.0.0.0/14")) == "eth0 10.1.0.3/16, ib0 10.2.0.3/16");
  CHECK(to_text(interfaces_of_rule(four, "10.1.0.2/31")) == "eth0 10.1.0.3/16");
  CHECK(to_text(interfaces_of_rule(four, "10.1.0.4/31")) == "none");
  CHECK(to_text(interfaces_of_rule(four, "fd00::/16")) == "ib0 fd00::3/64");
  CHECK(to_text(interfaces_of_rule(four, "eth1")) == "none");
  CHECK(to_text(interfaces_of_rule(four, "nonsense/8")) == "none");
}

TEST_CASE("network_interfaces: NCCL is told names, each once and as it is") {
  CHECK(nccl_interfaces(four, "10.2.0.0/16") == "=ib0");
  CHECK(nccl_interfaces(four, "10.0.0.0/14") == "=eth0,ib0");
  CHECK(nccl_interfaces(four, "lo,10.1.0.0/16") == "=eth0,lo");
  CHECK(nccl_interfaces(four, "fd00::/16,ib0") == "=ib0");
  CHECK(test::refusal([] { nccl_interfaces(four, "10.3.0.0/16"); }) ==
        "(4) launch.interface: no interface of this machine lies in 10.3.0.0/16: it has lo 127.0.0.1/8, eth0 10.1.0.3/16, ib0 10.2.0.3/16, "
        "ib0 fd00::3/64\n  hint: name the network that all machines of the run share, as `ip addr` shows it");
}

TEST_CASE("network_interfaces: this machine has loopback, and packets to it leave there") {
  const std::vector<NetworkInterface> all = network_interfaces();
  bool loopback = false;
  for (const NetworkInterface& one : all) loopback = loopback || (one.loopback && one.address == "127.0.0.1" && one.prefix == 8);
  CHECK(loopback);
  CHECK(interface_towards("127.0.0.1", all) == "lo");
  CHECK(interface_towards("no address", all).empty());
  CHECK(interface_towards("", {}).empty());
}
