// SPDX-License-Identifier: Apache-2.0
// `ergon data`: finds the command on token stores and runs it. A new one is one row of the table.
#include <string>

#include "launch/command_line.hpp"
#include "launch/commands.hpp"

namespace ergon {
namespace {

struct DataCommand {
  const char* name;
  const char* summary;
  int (*function)(int argc, char** argv);
};

constexpr DataCommand data_commands[] = {
    {"import", "make a token store from text", command_data_import},
    {"import-pairs", "make a token store of prompts and responses", command_data_import_pairs},
    {"import-ids", "make a token store from ids that another system wrote", command_data_import_ids},
    {"export-ids", "write a token store as a file that another system reads", command_data_export_ids},
    {"inspect", "what a token store holds", command_data_inspect},
    {"verify", "read a whole store and check every checksum and id", command_data_verify},
    {"sample", "documents of a token store as text", command_data_sample},
    {"stats", "lengths of documents, frequent tokens, duplicates", command_data_stats},
    {"split", "the same documents with other splits, or one split alone", command_data_split},
    {"merge", "several token stores as one", command_data_merge},
    {"pack", "place documents whole into samples: the table of data.packing = \"best_fit\"", command_data_pack},
    {"bigram", "cross-entropy of a bigram model: the baseline of validation loss", command_data_bigram},
};

}  // namespace

int command_data(int argc, char** argv) {
  for (const DataCommand& command : data_commands)
    if (argc > 1 && std::string(argv[1]) == command.name) return command.function(argc - 1, argv + 1);
  // Help, or a word that is refused.
  CommandLine line("ergon data", "token stores: make, look into, check");
  for (const DataCommand& command : data_commands) line.subcommand(command.name, command.summary);
  line.footer("`ergon data COMMAND --help` lists the options of a command.\n");
  (void)line.parse(argc, argv);
  return 0;
}

}  // namespace ergon
