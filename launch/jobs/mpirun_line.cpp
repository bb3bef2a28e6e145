// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/mpirun_line.hpp"

#include <fmt/format.h>

#include <cmath>

#include "launch/jobs/shell_words.hpp"

namespace ergon {

std::vector<std::string> mpirun_words(const LaunchPlan& plan, const MpirunFacts& facts) {
  const LaunchSection& launch = plan.launch;
  std::vector<std::string> words = {facts.prefix, "-n", std::to_string(plan.ranks), "--bind-to", "none"};
  const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  const auto parameter = [&](const std::string& name, const std::string& value) { add({"--mca", name, value}); };

  if (!launch.hosts.empty()) add({"--hostfile", launch.hosts});
  if (launch.with != LaunchWith::local)
    add({"--map-by", plan.by_slot ? std::string("slot") : fmt::format("ppr:{}:node", plan.ranks_per_node)});
  const std::int64_t together = launch.with == LaunchWith::local ? plan.ranks : plan.ranks_per_node;
  if (together > facts.cores) add({"--oversubscribe"});
  parameter("mpi_yield_when_idle", together * plan.threads > facts.cores ? "1" : "0");
  parameter("odls_base_sigkill_timeout", std::to_string(static_cast<std::int64_t>(std::ceil(facts.save.value))));
  if (!launch.interface.empty()) {
    parameter("btl_tcp_if_include", launch.interface);
    parameter("oob_tcp_if_include", launch.interface);
    // NCCL takes names only, and without a = those that begin like one: of a network each rank finds them (launch/run_device).
    if (launch.interface.find('/') == std::string::npos) add({"-x", "NCCL_SOCKET_IFNAME==" + launch.interface});
  }
  add({"-x", "OMP_NUM_THREADS=" + std::to_string(plan.threads)});
  for (const std::string& name : facts.environment) add({"-x", name});
  for (const std::string& assignment : launch.environment) add({"-x", assignment});
  if (!facts.logs.empty()) add({"--output-filename", facts.logs});
  words.insert(words.end(), plan.train.begin(), plan.train.end());
  return words;
}

std::string mpirun_script(const LaunchPlan& plan, const MpirunFacts& facts, const std::string& working_folder) {
  return "#!/bin/sh\n# The ranks of a run, as `ergon launch` started them last.\n"
         "# Of NCCL_* and ERGON_* they get what was set then, with the values of now.\ncd " +
         shell_word(working_folder) + " || exit 2\nexec " + shell_line(mpirun_words(plan, facts)) + "\n";
}

}  // namespace ergon
