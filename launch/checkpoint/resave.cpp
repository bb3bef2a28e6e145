// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint resave`: a checkpoint in canonical form.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/checkpoint/canonical.hpp"

namespace ergon {

int command_checkpoint_resave(int argc, char** argv) {
  std::string path, output;
  bool canonical = false, json = false;
  CommandLine line("ergon checkpoint resave", "A checkpoint again in canonical form: one shard, the same bytes whatever mesh wrote it");
  line.positional(path, "RUN|DIR", "a run folder (its newest checkpoint), or the folder of one checkpoint");
  line.flag(canonical, "--canonical", "the form to save in: trainer/checkpoint/FORMAT.md");
  line.option(output, "-o,--output", "DIR", "the folder to make", Needed::yes);
  line.flag(json, "--json", "print JSON");
  line.footer("Example:\n  ergon checkpoint resave runs/demo --canonical -o one-file\n");
  if (!line.parse(argc, argv)) return 0;
  if (!canonical) throw Error("which form?", "ergon checkpoint resave", "there is one: --canonical");

  Storage storage(hdf5_helper());
  const CheckpointReader checkpoint = named_checkpoint(storage, path);
  output = without_slashes(output);
  const CanonicalResult result = resave_canonical(storage, checkpoint, output);
  if (json) {
    std::cout << nlohmann::ordered_json{{"schema", "ergon.checkpoint_resave.v1"},
                                        {"checkpoint", checkpoint.folder()},
                                        {"output", output},
                                        {"bytes", result.bytes.value},
                                        {"content_sha256", result.content_hash}}
                     .dump(2)
              << "\n";
    return 0;
  }
  std::cout << fmt::format("{}: {} bytes, content SHA-256 {}\n", output, result.bytes.value, result.content_hash);
  return 0;
}

}  // namespace ergon
