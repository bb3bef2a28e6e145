// SPDX-License-Identifier: Apache-2.0
// `ergon data merge`: several stores of one tokenizer as one.
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/data/copy_summary.hpp"
#include "launch/data/count_progress.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {

int command_data_merge(int argc, char** argv) {
  CommandLine line("ergon data merge", "one store of the documents of several, in the order named; each keeps its split");
  std::vector<std::string> inputs;
  std::string output;
  bool deduplicate = false, force = false, json = false;
  line.option(output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  line.flag(deduplicate, "--deduplicate", "leave out documents whose ids one before them has (keeps 16 bytes a document in memory)");
  line.flag(force, "--force", "replace an existing output");
  line.flag(json, "--json", "print the summary as JSON");
  line.rest(inputs, "STORE", "token stores of one tokenizer", Needed::yes);
  line.footer("Examples:\n  ergon data merge books.h5 web.h5 -o all.h5 --deduplicate\n");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  SeenDocuments before;
  const auto choose = [&](const TokenStore& store, std::uint64_t document, Split now) {
    return deduplicate && before.seen(store, document) ? std::nullopt : std::optional(now);
  };
  CopySummary summary;
  {
    CountPrinter printer("copy", stderr, style_of(stderr));
    summary = copy_documents(inputs, output, force ? Existing::replace : Existing::refuse, storage, choose,
                             [&](std::int64_t done, std::int64_t total) { printer.show(done, total); });
  }
  json ? print_copy_json("ergon.data_merge.v1", summary, output) : print_copy_text(summary, output, "the same as one before");
  return 0;
}

}  // namespace ergon
