// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/host_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "configs/error.hpp"
#include "configs/text_file.hpp"

namespace ergon {
namespace {

bool is_host_name(const std::string& word) {
  return !word.empty() && word.front() != '-' && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

[[noreturn]] void refuse_word(const std::string& word, const std::string& where) {
  throw Error(fmt::format("'{}' is no part of a list of hosts", word), where, "a line a host: node0 slots=8");
}

std::int64_t read_slots(const std::string& word, const std::string& where) {
  std::int64_t slots = 0;
  const std::size_t equals = word.find('=');
  const char *begin = word.data() + equals + 1, *end = word.data() + word.size();
  const auto [next, code] = std::from_chars(begin, end, slots);
  if (code != std::errc() || next != end || slots < 1 || slots > 1 << 20) refuse_word(word, where);
  return slots;
}

}  // namespace

std::vector<Host> read_host_file(const std::string& path) {
  std::vector<Host> hosts;
  std::istringstream lines(text_of_file(path, "a line a host: node0 slots=8"));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string where = fmt::format("{}:{}", path, number);
    std::istringstream words(line.substr(0, line.find('#')));
    Host host;
    if (!(words >> host.name)) continue;
    if (!is_host_name(host.name)) refuse_word(host.name, where);
    for (std::string word; words >> word;) {
      if (word.starts_with("slots="))
        host.slots = read_slots(word, where);
      else if (!word.starts_with("max_slots=") && !word.starts_with("max-slots="))
        refuse_word(word, where);
    }
    const auto before = std::ranges::find(hosts, host.name, &Host::name);
    if (before == hosts.end())
      hosts.push_back(host);
    else
      before->slots += host.slots;
  }
  if (hosts.empty()) throw Error("no host stands in this list", path, "a line a host: node0 slots=8");
  return hosts;
}

}  // namespace ergon
