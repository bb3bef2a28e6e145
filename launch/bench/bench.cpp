// SPDX-License-Identifier: Apache-2.0
// `ergon bench`: speed of this build on this machine, as programs with a JSON result.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "configs/error.hpp"
#include "launch/bench/attention_result.hpp"
#include "launch/bench/checkpoint.hpp"
#include "launch/bench/communication_result.hpp"
#include "launch/bench/data.hpp"
#include "launch/bench/ranks.hpp"
#include "launch/bench/result.hpp"
#include "launch/bench/rivals.hpp"
#include "launch/bench/tokenizer.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/gemm_timer.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {
namespace {

// Under run.gemm = "auto" the library is timed once, here, as a run of a thousand such steps would.
void choose_library(BenchJob& job) {
  constexpr double steps = 1000;
  const RunConfig config = bench_config(job);
  if (config.run.gemm != GemmName::automatic) return;
  double work = 0;
  for (const GemmProduct& product : step_products(config, 1)) work += steps * product.flops() * static_cast<double>(product.count);
  const GemmChoice choice = measure_gemm(config, 1, work, child_gemm_timer());
  fmt::print(stderr, "{}\n", choice.reason);
  job.overrides.push_back("run.gemm=" + choice.library);
}

// The lines of the benchmarks; each writes into its own variables.
struct BenchLines {
  BenchJob train;
  ShardingJob attention;
  CommunicationJob communication;
  DataJob data;
  CheckpointBenchJob checkpoint;
  TokenizerJob tokenizer;
  std::string attention_ranks = "2,4", communication_ranks = "2,4", lengths, dtype = "float32", bytes, hidden_bytes;
  bool full = false, as_json = false;
};

void declare_train(CommandLine& command, BenchLines& lines) {
  BenchJob& job = lines.train;
  CommandLine& train = command.subcommand("train", "Training steps on synthetic tokens, one rank: tokens/s and where the time goes.");
  train.rest(job.overrides, "KEY=VALUE",
             "keys of a run file; the default job is gpt2-124m with model.sequence=64 train.batch=4 train.microbatch=4");
  train.option(job.threads, "--threads", "N", "threads (1)");
  train.option(job.options.steps, "--steps", "N", "counted steps (5)");
  train.option(job.options.warmup, "--warmup", "N", "steps before them (2)");
  train.choice(
      job.against, "--against", {"pytorch", "fp32"},
      "compare with the same step in PyTorch, stock and with its allocator tuned, or in our fp32: fresh processes in turn, medians");
  train.option(job.rounds, "--rounds", "N", "pairs of processes for --against (3)");
  train.option(job.python, "--python", "PATH", "a Python with PyTorch for --against (.venv-torch of this checkout)");
  train.flag(lines.as_json, "--json", "print JSON");
}

void declare_attention(CommandLine& command, BenchLines& lines) {
  ShardingJob& job = lines.attention;
  CommandLine& attention = command.subcommand(
      "attention-sharding",
      "Attention of one layer under every strategy, over ranks that it starts itself: time, bytes, and what is waited for.");
  attention.option(lines.attention_ranks, "--ranks", "LIST", "numbers of context ranks (2,4)");
  attention.option(lines.lengths, "--lengths", "LIST", "positions of the whole sequence (256,512,1024,2048,4096)");
  attention.option(job.batch, "--batch", "N", "sequences (1)");
  attention.option(job.heads, "--heads", "N", "query heads (8)");
  attention.option(job.kv_heads, "--kv-heads", "N", "key/value heads (8)");
  attention.option(job.head_width, "--head-width", "N", "of a head (64)");
  attention.option(job.gather_heads, "--gather-heads", "N", "key/value heads that gather_kv brings at once (1)");
  attention.choice(lines.dtype, "--dtype", {"float32", "float64", "bfloat16"}, "of activations and of what is sent (float32)");
  attention.flag(lines.full, "--full", "every position sees every other (causal)");
  attention.option(job.rounds, "--rounds", "N", "rounds in which the strategies take turns; medians are shown (5)");
  attention.flag(lines.as_json, "--json", "print JSON");
  attention.footer(
      "One thread a rank. Ring in all layouts, ulysses, gather_kv, and hybrid with groups of 2 on 4, 6, ... ranks; what the sizes\n"
      "do not allow is left out and said. The crossover of ring and ulysses stands beside the one that the model of\n"
      "parallel/plan/attention_time predicts from latency, bandwidth and the kernel's speed, measured in the same run.\n");
}

void declare_communication(CommandLine& command, BenchLines& lines) {
  CommandLine& communication = command.subcommand(
      "communication", "Collectives by size over ranks that it starts itself, and how much of a transfer computing hides.");
  communication.option(lines.communication_ranks, "--ranks", "LIST", "numbers of ranks (2,4)");
  communication.option(lines.bytes, "--bytes", "LIST", "sizes of the collectives (4096,65536,1048576,16777216)");
  communication.option(lines.hidden_bytes, "--hidden-bytes", "LIST", "sizes of the transfers beside computing (1048576,16777216)");
  communication.option(lines.communication.rounds, "--rounds", "N", "rounds in which they take turns; medians are shown (5)");
  communication.flag(lines.as_json, "--json", "print JSON");
  communication.footer(
      "A size is that of the tensor: the whole of an all_reduce, what all ranks give a reduce_scatter or an all_gather, what one\n"
      "rank gives an all_to_all or sends on in a ring. Beside computing, who polls MPI: nobody, MPI_Test between blocks, a thread.\n");
}

void declare_data(CommandLine& command, BenchLines& lines) {
  DataJob& job = lines.data;
  CommandLine& data = command.subcommand("data", "Samples of token stores in a run's order: first touch, steady state, loader.");
  data.rest(job.stores, "STORE", "token stores and dataset files; without any, a store of 256 MB is generated");
  data.option(job.folder, "--folder", "PATH", "where the generated store is written, and removed (.)");
  data.option(job.sequence, "--sequence", "T", "tokens of a sample (1024)");
  data.option(job.samples, "--samples", "N", "samples that are read, at most an epoch (100000)");
  data.option(job.batch, "--batch", "N", "samples of a step (64)");
  data.option(job.rounds, "--rounds", "N", "rounds in which they take turns; medians are shown (5)");
  data.option(job.threads, "--threads", "N", "threads of the model's steps (1)");
  data.flag(job.cold, "--cold", "empty the page cache of the stores before the first touch and before its baseline");
  data.flag(lines.as_json, "--json", "print JSON");
  data.footer(
      "Each is compared with plain pread of the same windows: one reading thread, the same order and page cache, in turn. On first\n"
      "touch a block of 4 KiB is read whole and checked. The loader also makes the tensors of a step: labels, marks, 64-bit integers;\n"
      "JSON has its phases. Floors: 0.8 of plain pread in the steady state; at most 4 bytes read per byte used on first touch, from\n"
      "samples of 1024 tokens on; at most 1 % of a step of a small model.\n");
}

void declare_checkpoint(CommandLine& command, BenchLines& lines) {
  CheckpointBenchJob& job = lines.checkpoint;
  CommandLine& checkpoint = command.subcommand(
      "checkpoint", "Saving and loading beside what the disk gives a plain program, and what a save costs training; one rank.");
  checkpoint.rest(job.overrides, "KEY=VALUE", "keys of a run file; the default job is that of bench train: 1.5 GB a checkpoint");
  checkpoint.option(job.folder, "--folder", "PATH", "on the disk to measure; what is written there is removed (.)");
  checkpoint.option(job.threads, "--threads", "N", "threads of a step (1)");
  checkpoint.option(job.rounds, "--rounds", "N", "rounds in which the cases take turns; medians are shown (3)");
  checkpoint.choice(job.against, "--against", {"pytorch"}, "compare with torch.save and torch.distributed.checkpoint in the same rounds");
  checkpoint.option(job.python, "--python", "PATH", "a Python with PyTorch for --against (.venv-torch of this checkout)");
  checkpoint.flag(lines.as_json, "--json", "print JSON");
}

void declare_tokenizer(CommandLine& command, BenchLines& lines) {
  TokenizerJob& job = lines.tokenizer;
  CommandLine& tokenizer = command.subcommand("tokenizer", "Text to ids in one thread, beside the package that the tokenizer comes from.");
  tokenizer.option(job.file.name, "--tokenizer", "NAME", "as ergon data import has it: tiktoken:FILE, huggingface:FILE, ...", Needed::yes);
  tokenizer.option(job.file.end_of_document, "--end-of-document", "TOKEN", "as ergon data import has it");
  tokenizer.option(job.file.pattern, "--tokenizer-pattern", "PATTERN", "as ergon data import has it");
  tokenizer.option(job.text, "--text", "FILE", "text in UTF-8", Needed::yes);
  tokenizer.option(job.document_bytes, "--document-bytes", "N", "lines are put together into documents of this size (16384)");
  tokenizer.choice(job.against, "--against", {"package"},
                   "compare with tiktoken or tokenizers, in fresh processes in turn, medians; the ids must be equal");
  tokenizer.option(job.rounds, "--rounds", "N", "passes over the text, or pairs of processes (5)");
  tokenizer.option(job.python, "--python", "PATH", "a Python with the package for --against");
  tokenizer.flag(lines.as_json, "--json", "print JSON");
}

void require_positive(const std::string& command, const std::vector<std::pair<const char*, std::int64_t>>& options) {
  for (const auto& [option, value] : options)
    if (value < 1) throw Error(fmt::format("{} is at least 1, not {}", option, value), command, "leave it out for the default");
}

// Asks the ranks one number after another, before which everything that can be refused is.
template <typename Job>
std::vector<nlohmann::json> ask_ranks(const std::string& name, const Job& job, const std::vector<std::int64_t>& ranks) {
  const RankStarter starter =
      find_rank_starter(probe_launcher(), [](const char* variable) -> const char* { return std::getenv(variable); });
  std::vector<nlohmann::json> answers;
  for (const std::int64_t count : ranks) answers.push_back(run_bench_ranks(starter, count, name, to_json(job)));
  return answers;
}

std::string bench_attention(BenchLines& lines) {
  ShardingJob& job = lines.attention;
  require_positive("ergon bench attention-sharding", {{"--batch", job.batch},
                                                      {"--heads", job.heads},
                                                      {"--kv-heads", job.kv_heads},
                                                      {"--head-width", job.head_width},
                                                      {"--gather-heads", job.gather_heads},
                                                      {"--rounds", job.rounds}});
  if (job.heads % job.kv_heads != 0)
    throw Error(fmt::format("{} query heads share no {} key/value heads equally", job.heads, job.kv_heads), "--kv-heads",
                fmt::format("take a divisor of {}", job.heads));
  const std::vector<std::int64_t> ranks = parse_counts(lines.attention_ranks, "--ranks", 2);
  if (!lines.lengths.empty()) job.lengths = parse_counts(lines.lengths, "--lengths", 1);
  job.dtype = lines.dtype == "float64" ? DType::float64 : lines.dtype == "bfloat16" ? DType::bfloat16 : DType::float32;
  job.causal = !lines.full;
  for (const std::int64_t count : ranks) attention_variants(job, count);
  const nlohmann::json result = attention_result(job, ask_ranks("attention-sharding", job, ranks));
  return lines.as_json ? result.dump(2) + "\n" : attention_text(result);
}

std::string bench_communication(BenchLines& lines) {
  CommunicationJob& job = lines.communication;
  require_positive("ergon bench communication", {{"--rounds", job.rounds}});
  const std::vector<std::int64_t> ranks = parse_counts(lines.communication_ranks, "--ranks", 2);
  if (!lines.bytes.empty()) job.bytes = parse_counts(lines.bytes, "--bytes", 4);
  if (!lines.hidden_bytes.empty()) job.hidden_bytes = parse_counts(lines.hidden_bytes, "--hidden-bytes", 4);
  const nlohmann::json result = communication_result(job, ask_ranks("communication", job, ranks));
  return lines.as_json ? result.dump(2) + "\n" : communication_text(result);
}

std::string bench_stores(BenchLines& lines) {
  const DataJob& job = lines.data;
  require_positive("ergon bench data", {{"--sequence", job.sequence},
                                        {"--samples", job.samples},
                                        {"--batch", job.batch},
                                        {"--rounds", job.rounds},
                                        {"--threads", job.threads}});
  if (job.samples < job.batch)
    throw Error(fmt::format("{} samples are no batch of {}", job.samples, job.batch), "--samples", "give more, or a smaller --batch");
  const nlohmann::json result = data_result(job, measure_data(job, hdf5_helper()));
  return lines.as_json ? result.dump(2) + "\n" : data_text(result);
}

std::string bench_train_step(BenchLines& lines) {
  BenchJob& job = lines.train;
  if (job.options.steps < 1 || job.threads < 1 || job.rounds < 1 || job.options.warmup < 0)
    throw Error("--steps, --threads and --rounds are at least 1, --warmup at least 0", "ergon bench train",
                "leave them out for the defaults");
  if (!job.against.empty()) check_rivals(job);
  choose_library(job);
  const nlohmann::json result =
      job.against.empty() ? bench_result(job, bench_train(bench_config(job), job.options)) : compare_with_rivals(job);
  return lines.as_json ? result.dump(2) + "\n" : bench_text(result);
}

std::string bench_saving(BenchLines& lines) {
  const CheckpointBenchJob& job = lines.checkpoint;
  require_positive("ergon bench checkpoint", {{"--threads", job.threads}, {"--rounds", job.rounds}});
  const nlohmann::json result = checkpoint_bench_result(job, bench_checkpoint(job));
  return lines.as_json ? result.dump(2) + "\n" : checkpoint_bench_text(result);
}

std::string bench_tokenizers(BenchLines& lines) {
  require_positive("ergon bench tokenizer", {{"--rounds", lines.tokenizer.rounds}, {"--document-bytes", lines.tokenizer.document_bytes}});
  const nlohmann::json result = bench_tokenizer(lines.tokenizer);
  return lines.as_json ? result.dump(2) + "\n" : bench_tokenizer_text(result);
}

}  // namespace

int command_bench(int argc, char** argv) {
  BenchLines lines;
  CommandLine command("ergon bench", "Speed of this build on this machine.");
  declare_train(command, lines);
  declare_attention(command, lines);
  declare_communication(command, lines);
  declare_data(command, lines);
  declare_checkpoint(command, lines);
  declare_tokenizer(command, lines);
  if (!command.parse(argc, argv)) return 0;
  const std::string chosen = command.chosen();
  std::cout << (chosen == "train"           ? bench_train_step(lines)
                : chosen == "communication" ? bench_communication(lines)
                : chosen == "data"          ? bench_stores(lines)
                : chosen == "checkpoint"    ? bench_saving(lines)
                : chosen == "tokenizer"     ? bench_tokenizers(lines)
                                            : bench_attention(lines))
            << std::flush;
  return 0;
}

}  // namespace ergon
