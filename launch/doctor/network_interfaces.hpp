// SPDX-License-Identifier: Apache-2.0
// The networks of this machine: which there are, which of them a rule of Open MPI means, which one leads to an address.
#pragma once

#include <string>
#include <vector>

namespace ergon {

// One address of an interface that is up; an interface with two has two entries. Link-local addresses of IPv6 are left out.
struct NetworkInterface {
  std::string name, address;
  int prefix = 0;  // bits of the address that name its network
  bool loopback = false;

  bool operator==(const NetworkInterface&) const = default;
};

std::vector<NetworkInterface> network_interfaces();

// Those that an entry of btl_tcp_if_include (launch.interface) means: names and networks such as 10.1.0.0/16, separated by commas. An empty
// rule means all but loopback.
std::vector<NetworkInterface> interfaces_of_rule(const std::vector<NetworkInterface>& all, const std::string& rule);

// The same for NCCL_SOCKET_IFNAME, which takes no networks: "=eth0,ib0"; without the = a name means all that begin like it. Throws Error
// (ExitCode::world, where = launch.interface) where the rule means none.
std::string nccl_interfaces(const std::vector<NetworkInterface>& all, const std::string& rule);

// "eth0 10.1.0.3/16, ib0 10.2.0.3/16"; "none" for none.
std::string to_text(const std::vector<NetworkInterface>& interfaces);

// The name of the interface over which packets to the address leave; empty: no route. Sends nothing.
std::string interface_towards(const std::string& address, const std::vector<NetworkInterface>& all);

}  // namespace ergon
