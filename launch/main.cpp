// SPDX-License-Identifier: Apache-2.0
// `ergon`: finds the subcommand and runs it. A new subcommand is one row of the table.
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <vector>

#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/failure.hpp"

namespace ergon {
namespace {

struct Command {
  const char* name;
  const char* summary;  // null: not for people, so not in the list
  int (*function)(int argc, char** argv);
};

constexpr Command commands[] = {
    {"train", "train the model of a run file, or resume its run", command_train},
    {"gemm-probe", nullptr, command_gemm_probe},  // for `ergon train` itself
    {"generate", "text from a trained model", command_generate},
    {"checkpoint", "checkpoints: list, verify, inspect, export, import, diff, merge, resave", command_checkpoint},
    {"data", "token stores: make, look into, check", command_data},
    {"bench", "how fast this build is on this machine", command_bench},
    {"bench-rank", nullptr, command_bench_rank},  // for `ergon bench` itself
    {"doctor", "what this machine offers, what is wrong with it, how to mend it", command_doctor},
    {"fit", "a scaling law from points or runs, with intervals and what it hides", command_fit},
    {"flight", "where the ranks of a run parted that ended with code 5", command_flight},
    {"flops", "what a model costs to train, by convention", command_flops},
    {"history", "how the compute of published systems grew, and where runs stand", command_history},
    {"launch", "start the ranks of a run: here, over hosts, as a job of Slurm", command_launch},
    {"law", "scaling laws: list, show, predict, compare", command_law},
    {"logs", "what a rank of a run has printed", command_logs},
    {"mfu", "the share of the peak that a job reached, from its tokens per second", command_mfu},
    {"plan", "what to train with a compute budget, by scaling laws", command_plan},
    {"report", "what runs spent, kept and lost", command_report},
    {"status", "how a run or its job stands", command_status},
    {"stop", "ask a run to save and end, wherever it trains", command_stop},
    {"h5-layout", nullptr, command_h5_layout},  // internal: the helper process of hdf5_helper
    {"version", "versions of Ergon and of the libraries it was built with", command_version},
    {"watch", "a run on the whole screen while it trains", command_watch},
};

std::string usage() {
  std::string text =
      "Ergon trains transformers over many ranks and accounts for every floating-point operation.\n\nUsage: ergon COMMAND ...\n\n";
  for (const Command& command : commands)
    if (command.summary != nullptr) text += fmt::format("  {:<12} {}\n", command.name, command.summary);
  return text + "\n`ergon COMMAND --help` lists the options of a command.\n";
}

int dispatch(int argc, char** argv) {
  std::string word = argc > 1 ? argv[1] : "--help";
  if (word == "--help" || word == "-h" || word == "help") {
    std::cout << usage() << std::flush;
    return 0;
  }
  if (word == "--version") return command_version(argc - 1, argv + 1);
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (word == command.name) return command.function(argc - 1, argv + 1);
    if (command.summary != nullptr) names.push_back(command.name);
  }
  throw Error(fmt::format("unknown command '{}'", word), "", did_you_mean(word, names, "ergon --help"));
}

}  // namespace
}  // namespace ergon

int main(int argc, char** argv) {
  return ergon::run_guarded([&] {
    const int code = ergon::dispatch(argc, argv);
    ergon::require_answer_written();
    return code;
  });
}
