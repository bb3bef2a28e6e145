// SPDX-License-Identifier: Apache-2.0
// `ergon data pack`: the packing table of data.packing = "best_fit".
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {
namespace {

struct Packed {
  std::int64_t samples = 0, tokens = 0, pieces = 0, documents = 0;
};

Packed count(const PackingTable& table, const TokenSource& source) {
  Packed sum;
  for (const PackedSamples& of : table.packed) {
    sum.samples += of.samples();
    sum.tokens += of.tokens();
    sum.pieces += std::ssize(of.pieces);
  }
  for (const auto& store : source.stores())
    for (const DocumentRange& range : store->split(table.split)) sum.documents += static_cast<std::int64_t>(range.end - range.begin);
  return sum;
}

}  // namespace

int command_data_pack(int argc, char** argv) {
  CommandLine line("ergon data pack", "place documents whole into samples: the table of data.packing = \"best_fit\"");
  std::vector<std::string> stores;
  std::string output;
  std::int64_t sequence = 0;
  bool force = false, json = false;
  line.option(output, "-o,--output", "FILE", "the table", Needed::yes);
  line.option(sequence, "--sequence", "T", "model.sequence of the run", Needed::yes);
  line.flag(force, "--force", "replace an existing table");
  line.flag(json, "--json", "print JSON");
  line.rest(stores, "STORE", "the stores of data.train, in its order", Needed::yes);
  line.footer(
      "The table depends on document lengths and T alone, and is bound by hash to the stores. A run names it:\n"
      "  data.packing = \"best_fit\"  data.packing_table = FILE  data.document_mask = true\n");
  if (!line.parse(argc, argv)) return 0;
  if (sequence < 1 || sequence > (1 << 24))
    throw Error(fmt::format("a sequence of {} tokens", sequence), "--sequence", "give model.sequence of the run: from 1 to 16777216");
  const Clock::time_point start = Clock::now();
  Storage storage(hdf5_helper());
  const TokenSource source(stores, Split::train, sequence, storage);
  const PackingTable table = make_packing_table(source.stores(), Split::train, sequence);
  write_packing_table(output, table, storage, force ? Existing::replace : Existing::refuse);
  const Packed sum = count(table, source);
  const double room = static_cast<double>(sum.samples) * static_cast<double>(sequence);
  const double padding = sum.samples > 0 ? 1 - static_cast<double>(sum.tokens) / room : 0;
  if (json) {
    std::cout << nlohmann::json({{"schema", "ergon.data_pack.v1"},
                                 {"table", output},
                                 {"content_hash", table.hash()},
                                 {"sequence", sequence},
                                 {"stores", table.stores},
                                 {"samples", sum.samples},
                                 {"tokens", sum.tokens},
                                 {"padding", padding},
                                 {"documents", sum.documents},
                                 {"cuts", sum.pieces - sum.documents},
                                 {"seconds", since(start).value}})
                     .dump(2)
              << std::endl;
    return 0;
  }
  fmt::print("{}: {} documents of {} tokens in {} samples of {}, {:.3f} % padding, {} cuts, in {:.1f} s\n", output, sum.documents,
             sum.tokens, sum.samples, sequence, 100 * padding, sum.pieces - sum.documents, since(start).value);
  return 0;
}

}  // namespace ergon
