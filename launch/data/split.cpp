// SPDX-License-Identifier: Apache-2.0
// `ergon data split`: the documents of a store with other splits, or those of one split alone.
#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "launch/data/copy_summary.hpp"
#include "launch/data/count_progress.hpp"
#include "launch/data/split_words.hpp"
#include "launch/data/store_line.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {

int command_data_split(int argc, char** argv) {
  StoreLine line("ergon data split", "a store of the same documents with other splits, or of one split alone");
  std::string output, only = "all";
  SplitFractions fractions;
  bool force = false;
  line.option(output, "-o,--output", "STORE", "the token store to write (.h5)", Needed::yes);
  line.choice(only, "--only", split_choices(), "keep the documents of this split, in it, and leave out the others");
  line.option(fractions.validation, "--valid", "FRACTION", "documents for validation, chosen by their text as an import does");
  line.option(fractions.test, "--test", "FRACTION", "documents for test");
  line.flag(force, "--force", "replace an existing output");
  line.footer(
      "Examples:\n  ergon data split tokens.h5 -o tokens-5.h5 --valid 0.05\n  ergon data split tokens.h5 -o valid.h5 --only valid\n");
  if (!line.parse(argc, argv)) return 0;
  const std::optional<Split> kept = split_of_choice(only);
  if (kept && (line.given("--valid") || line.given("--test")))
    throw Error("--only keeps documents in their split, --valid and --test choose another for each", "--only", "give one or the other");
  check_fractions(fractions);
  Storage storage(hdf5_helper());
  std::unique_ptr<Tokenizer> tokenizer;
  const auto choose = [&](const TokenStore& store, std::uint64_t document, Split now) -> std::optional<Split> {
    if (!kept && !tokenizer) tokenizer = store.tokenizer();
    if (!kept) return split_again(store, *tokenizer, document, fractions);
    return now == *kept ? std::optional(now) : std::nullopt;
  };
  CopySummary summary;
  {
    CountPrinter printer("copy", stderr, style_of(stderr));
    summary = copy_documents({line.store}, output, force ? Existing::replace : Existing::refuse, storage, choose,
                             [&](std::int64_t done, std::int64_t total) { printer.show(done, total); });
  }
  line.json ? print_copy_json("ergon.data_split.v1", summary, output) : print_copy_text(summary, output, "of other splits");
  return 0;
}

}  // namespace ergon
