// SPDX-License-Identifier: Apache-2.0
// `ergon doctor`: one line for each part that Ergon stands on; what is wrong, and how to mend it. Exit code 4 when something essential is
// broken.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/diagnosis.hpp"

namespace ergon {
namespace {

void print_text(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    std::cout << fmt::format("{:<6}  {:<13}  {}\n", name(finding.condition), finding.part, finding.found);
    if (!finding.cure.empty()) std::cout << fmt::format("{:23}-> {}\n", "", finding.cure);
  }
}

void print_json(const std::vector<Finding>& findings, bool usable) {
  nlohmann::ordered_json object{{"schema", "ergon.doctor.v1"}, {"usable", usable}, {"findings", nlohmann::ordered_json::array()}};
  for (const Finding& finding : findings)
    object["findings"].push_back(
        {{"part", finding.part}, {"verdict", name(finding.condition)}, {"found", finding.found}, {"cure", finding.cure}});
  std::cout << object.dump(2) << "\n";
}

}  // namespace

int command_doctor(int argc, char** argv) {
  bool json = false;
  CommandLine line("ergon doctor", "What Ergon finds on this machine, what is wrong with it, and how to mend it");
  line.flag(json, "--json", "print JSON");
  line.footer("Verdicts: good; note: works, worth knowing; poor: works badly; broken: Ergon cannot run here (exit code 4).\n");
  if (!line.parse(argc, argv)) return 0;

  std::vector<Finding> findings = diagnose(probe_machine());
  bool usable =
      std::none_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.condition == Condition::broken; });
  if (json) {
    print_json(findings, usable);
  } else {
    print_text(findings);
  }
  std::cout << std::flush;
  return static_cast<int>(usable ? ExitCode::ok : ExitCode::world);
}

}  // namespace ergon
