// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/network_interfaces.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct RawAddress {
  int family = AF_INET;
  std::array<unsigned char, 16> bytes{};
};

std::optional<RawAddress> parse_address(const std::string& text) {
  RawAddress raw;
  raw.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(raw.family, text.c_str(), raw.bytes.data()) != 1) return std::nullopt;
  return raw;
}

bool same_network(const RawAddress& a, const RawAddress& b, int bits) {
  if (a.family != b.family) return false;
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    if (byte >= a.bytes.size() || ((a.bytes[byte] ^ b.bytes[byte]) >> (7 - i % 8) & 1) != 0) return false;
  }
  return true;
}

// Of a socket address of either family: its bytes.
const unsigned char* bytes_of(const sockaddr* address) {
  return address->sa_family == AF_INET ? reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                                       : reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

std::string address_text(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address->sa_family, bytes_of(address), text, sizeof text);
  return text;
}

int prefix_of(const sockaddr* mask) {
  if (mask == nullptr) return 0;
  int bits = 0;
  const unsigned char* bytes = bytes_of(mask);
  for (int i = 0; i < (mask->sa_family == AF_INET ? 4 : 16); ++i) bits += std::popcount(bytes[i]);
  return bits;
}

bool meant_by(const NetworkInterface& one, const std::string& entry) {
  const std::size_t slash = entry.find('/');
  if (slash == std::string::npos) return one.name == entry;
  const std::optional<RawAddress> network = parse_address(entry.substr(0, slash)), mine = parse_address(one.address);
  return network && mine && same_network(*network, *mine, std::atoi(entry.c_str() + slash + 1));
}

}  // namespace

std::vector<NetworkInterface> network_interfaces() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  std::vector<NetworkInterface> all;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    const sockaddr* address = at->ifa_addr;
    if (address == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) continue;
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)) continue;
    all.push_back({at->ifa_name, address_text(address), prefix_of(at->ifa_netmask), (at->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return all;
}

std::vector<NetworkInterface> interfaces_of_rule(const std::vector<NetworkInterface>& all, const std::string& rule) {
  std::vector<NetworkInterface> meant;
  if (rule.empty()) {
    std::ranges::copy_if(all, std::back_inserter(meant), [](const NetworkInterface& one) { return !one.loopback; });
    return meant;
  }
  std::istringstream entries(rule);
  for (std::string entry; std::getline(entries, entry, ',');)
    std::ranges::copy_if(all, std::back_inserter(meant), [&](const NetworkInterface& one) { return meant_by(one, entry); });
  return meant;
}

std::string nccl_interfaces(const std::vector<NetworkInterface>& all, const std::string& rule) {
  std::set<std::string> names;
  for (const NetworkInterface& one : interfaces_of_rule(all, rule)) names.insert(one.name);
  if (names.empty())
    throw Error(fmt::format("no interface of this machine lies in {}: it has {}", rule, to_text(all)), "launch.interface",
                "name the network that all machines of the run share, as `ip addr` shows it", ExitCode::world);
  return fmt::format("={}", fmt::join(names, ","));
}

std::string to_text(const std::vector<NetworkInterface>& interfaces) {
  std::string text;
  for (const NetworkInterface& one : interfaces)
    text += fmt::format("{}{} {}/{}", text.empty() ? "" : ", ", one.name, one.address, one.prefix);
  return text.empty() ? "none" : text;
}

std::string interface_towards(const std::string& address, const std::vector<NetworkInterface>& all) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(address.c_str(), "9", &hints, &found) != 0) return "";
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  const int socket = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return "";
  sockaddr_storage mine{};
  socklen_t length = sizeof mine;
  std::string from;
  // A datagram socket that is connected has a route and has sent nothing.
  if (::connect(socket, found->ai_addr, found->ai_addrlen) == 0 && ::getsockname(socket, reinterpret_cast<sockaddr*>(&mine), &length) == 0)
    from = address_text(reinterpret_cast<const sockaddr*>(&mine));
  ::close(socket);
  for (const NetworkInterface& one : all)
    if (one.address == from) return one.name;
  return "";
}

}  // namespace ergon
