// SPDX-License-Identifier: Apache-2.0
// `ergon data export-ids`: a token store as files that other systems read.
#include "trainer/data/foreign/export_ids.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "launch/commands.hpp"
#include "launch/data/foreign_words.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {

int command_data_export_ids(int argc, char** argv) {
  StoreLine line("ergon data export-ids", "write a token store as a file that Megatron-LM, nanoGPT, llm.c or OLMo reads");
  IdsExportOptions options;
  ForeignWords words;
  std::string split = "all";
  bool force = false;
  line.option(options.output, "-o,--output", "FILE", "the file to write; of megatron the name without .bin and .idx", Needed::yes);
  words.add_to(line, "--to", "original", "original: the files of which `ergon data import-ids` made the store, byte for byte");
  line.choice(split, "--split", split_choices(), "of which documents");
  line.flag(force, "--force", "replace existing files");
  line.footer(
      "Examples:\n  ergon data export-ids tokens.h5 -o train.bin --to nanogpt --split train\n  ergon data export-ids tokens.h5 -o again\n");
  if (!line.parse(argc, argv)) return 0;
  options.format = words.format();
  options.dtype = words.dtype();
  options.split = split_of_choice(split);
  options.existing = force ? Existing::replace : Existing::refuse;
  Storage storage(hdf5_helper());
  const IdsExportSummary summary = export_ids(open_stores({line.store}, storage), options, storage);
  if (line.json) {
    const nlohmann::json result = {{"schema", "ergon.data_export_ids.v1"},
                                   {"store", line.store},
                                   {"files", summary.files},
                                   {"format", name(summary.format)},
                                   {"dtype", name(summary.dtype)},
                                   {"documents", summary.documents},
                                   {"tokens", summary.tokens}};
    std::cout << result.dump(2) << std::endl;
    return 0;
  }
  fmt::print("{}: {} documents, {} tokens ({}, {})\n", fmt::join(summary.files, ", "), summary.documents, summary.tokens,
             name(summary.format), name(summary.dtype));
  return 0;
}

}  // namespace ergon
