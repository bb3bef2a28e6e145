// SPDX-License-Identifier: Apache-2.0
// `ergon generate`: text from the newest checkpoint of a run, on one rank whatever mesh trained it.
#include <fmt/format.h>

#include <cmath>
#include <iostream>

#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "parallel/communicator_local.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/model_tensors.hpp"
#include "trainer/data/dataset_file.hpp"
#include "trainer/data/utf8.hpp"
#include "trainer/generation.hpp"
#include "trainer/process.hpp"
#include "trainer/run_folder.hpp"

namespace ergon {
namespace {

struct GenerateLine {
  std::string run, prompt;
  GenerationOptions options;
  std::int64_t threads = 1;
  bool stop_at_end = false;
};

bool parse_line(int argc, char** argv, GenerateLine& line) {
  CommandLine command("ergon generate", "Text from the newest checkpoint of a run, on stdout.");
  command.positional(line.run, "RUN", "the run folder");
  command.option(line.prompt, "--prompt", "TEXT", "what the text begins with; empty: the start of a document");
  command.option(line.options.tokens, "--tokens", "N", "tokens to write (100)");
  command.option(line.options.temperature, "--temperature", "X", "below 1 sharpens, above 1 flattens; 0: always the most likely token (1)");
  command.option(line.options.top_k, "--top-k", "K", "choose among the K most likely tokens; 0: among all (0)");
  command.option(line.options.seed, "--seed", "N", "the same seed writes the same text (1)");
  command.option(line.threads, "--threads", "N", "threads (1)");
  command.flag(line.stop_at_end, "--stop-at-end", "stop where the model ends the document");
  return command.parse(argc, argv);
}

void check(const GenerateLine& line) {
  if (line.options.tokens < 1)
    throw Error(fmt::format("--tokens {} is below 1", line.options.tokens), "ergon generate", "ask for at least one token");
  if (!(line.options.temperature >= 0) || std::isinf(line.options.temperature))
    throw Error(fmt::format("--temperature {} is not a number from 0 on", line.options.temperature), "ergon generate",
                "use 0 for the most likely token, 1 for the model's own distribution");
  if (line.options.top_k < 0)
    throw Error(fmt::format("--top-k {} is negative", line.options.top_k), "ergon generate", "use 0 for the whole vocabulary");
  if (line.threads < 1 || line.threads > 4096)
    throw Error(fmt::format("--threads {} is not in 1 to 4096", line.threads), "ergon generate", "use at most as many as there are cores");
}

// The run's configuration for one rank.
RunConfig one_rank(const RunFolder& folder, Storage& storage, std::int64_t threads) {
  if (!storage.exists(folder.config()))
    throw Error("not a run folder: it has no config.toml", folder.path(), "name the folder that run.folder of the training named",
                ExitCode::data);
  RunConfig config = folder.stored_config();
  config.mesh = MeshSection();
  config.run.threads = threads;
  return config;
}

void load_parameters(Replica& replica, Storage& storage, const std::string& folder, Communicator& self) {
  CheckpointLoader checkpoint(storage, folder, self, Damaged::pass_over);
  if (!checkpoint.open()) throw Error("no checkpoint to generate from", folder, "train until the first save", ExitCode::data);
  std::vector<CheckpointTensor> parameters;
  for (CheckpointTensor& tensor : model_tensors(replica.parameters, replica.first_moment, replica.second_moment, 1, 0))
    if (tensor.name.rfind("parameters/", 0) == 0) parameters.push_back(std::move(tensor));
  checkpoint.load(parameters);
  replica.parameters.round_masters();
  for (const std::string& message : checkpoint.messages()) fmt::print(stderr, "{}\n", message);
}

}  // namespace

int command_generate(int argc, char** argv) {
  GenerateLine line;
  if (!parse_line(argc, argv, line)) return 0;
  check(line);
  prepare_process(line.threads);

  Storage storage(hdf5_helper());
  const RunConfig config = one_rank(RunFolder(storage, line.run), storage, line.threads);
  const TokenStore store(store_places({config.data.train.front()}, storage).front(), storage);
  const std::unique_ptr<Tokenizer> tokenizer = store.tokenizer();

  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  Replica replica(config, communicators);
  load_parameters(replica, storage, line.run, *communicators.control);

  std::vector<std::int32_t> context = {tokenizer->eod()};
  tokenizer->encode(line.prompt, context);
  if (line.stop_at_end) line.options.stop_token = tokenizer->eod();
  std::vector<std::int32_t> text(context.begin() + 1, context.end());
  generate(replica, context, line.options, [&](std::int32_t token) { text.push_back(token); });
  // A byte-level model may write bytes that are no text.
  std::string written = tokenizer->decode(text);
  repair_utf8(written);
  std::cout << written << std::endl;
  return 0;
}

}  // namespace ergon
