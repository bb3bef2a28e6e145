// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/replay.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

std::string Replay::seen(const Tree& tree) {
  const auto [known, is_new] = known_.emplace(std::hash<std::string>{}(key_of(tree)), "");
  if (is_new) {
    const TemporaryFolder folder;
    write_tree(tree, folder.path());
    try {
      known->second = reader_(folder.path());
    } catch (const Error& error) {
      known->second = "refused: " + error.problem();
    }
  }
  return known->second;
}

std::optional<std::string> Replay::first_bad(const Judge& judge, int but) {
  CrashModel model = start_;
  states_ = 0;
  int done = 0;
  for (const Operation& operation : storage_.operations()) {
    if (done++ != but) model.apply(operation);
    if (done <= but) continue;  // as with it
    for (const Tree& tree : model.crash_states()) {
      ++states_;
      const std::string what = seen(tree);
      if (judge(what, done)) continue;
      std::string names;
      for (const auto& [name, text] : tree) names += fmt::format("\n  {} {}", name, text ? std::to_string(text->size()) : "/");
      return fmt::format("after operation {} ({}): {}{}", done, to_text(operation), what, names);
    }
  }
  return std::nullopt;
}

void Replay::check(const std::string& name, const Judge& judge) {
  const std::optional<std::string> bad = first_bad(judge);
  INFO(bad.value_or(""));
  CHECK_FALSE(bad);
  const std::size_t states = states_, folders = known_.size();
  int syncs = 0;
  for (int number = 0; number < storage_.done(); ++number) {
    const Operation& operation = storage_.operations()[static_cast<std::size_t>(number)];
    if (!operation.syncs()) continue;
    ++syncs;
    CAPTURE(number, to_text(operation));
    CHECK(first_bad(judge, number));
  }
  std::printf("replay: %-28s %4d operations, %3d syncs, %6zu states, %5zu folders\n", name.c_str(), storage_.done(), syncs, states,
              folders);
}

}  // namespace ergon::test
