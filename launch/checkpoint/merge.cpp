// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint merge`: the mean of checkpoints.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/toml.hpp"
#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/checkpoint/average.hpp"

namespace ergon {
namespace {

// "0.5,0.25,0.25"
std::vector<double> parse_weights(const std::string& text) {
  std::vector<double> weights;
  if (text.empty()) return weights;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const std::optional<Value> value = read_toml_value(word);
    const double* number = value ? std::get_if<double>(&value->data) : nullptr;
    const std::int64_t* whole = value ? std::get_if<std::int64_t>(&value->data) : nullptr;
    if (number == nullptr && whole == nullptr)
      throw Error(fmt::format("'{}' is no number", word), "--weights", "give them as 0.5,0.25,0.25");
    weights.push_back(number != nullptr ? *number : static_cast<double>(*whole));
    begin = end + 1;
  }
  return weights;
}

}  // namespace

int command_checkpoint_merge(int argc, char** argv) {
  std::string output, weights;
  std::vector<std::string> paths;
  bool json = false;
  CommandLine line("ergon checkpoint merge", "The mean of checkpoints of one model, as a checkpoint folder in canonical form");
  line.option(output, "-o,--output", "DIR", "the folder to make", Needed::yes);
  line.option(weights, "--weights", "W,W,...", "one a checkpoint, divided by their sum; not given: equal");
  line.flag(json, "--json", "print JSON");
  line.rest(paths, "RUN|DIR", "run folders (their newest checkpoint) or folders of checkpoints, two at least", Needed::yes);
  line.footer(
      "Everything that is no tensor is taken from the first.\n\nExample:\n  ergon checkpoint merge -o mean "
      "runs/demo/checkpoints/step_000008*\n  ergon checkpoint export mean -o mean-hf\n");
  if (!line.parse(argc, argv)) return 0;
  output = without_slashes(output);

  Storage storage(hdf5_helper());
  std::vector<std::string> folders;
  std::vector<CheckpointReader> checkpoints;
  for (const std::string& path : paths) {
    checkpoints.push_back(named_checkpoint(storage, path));
    folders.push_back(checkpoints.back().folder());
  }
  const CanonicalContents mean = average(checkpoints, parse_weights(weights));
  const CanonicalResult result = write_canonical(storage, output, mean);
  if (json) {
    std::cout << nlohmann::ordered_json{{"schema", "ergon.checkpoint_merge.v1"},
                                        {"checkpoints", folders},
                                        {"output", output},
                                        {"tensors", mean.tensors.size()},
                                        {"bytes", result.bytes.value},
                                        {"content_sha256", result.content_hash}}
                     .dump(2)
              << "\n";
    return 0;
  }
  std::cout << fmt::format("{}: the mean of {} checkpoints, {} tensors, {} bytes\n", output, folders.size(), mean.tensors.size(),
                           result.bytes.value);
  return 0;
}

}  // namespace ergon
