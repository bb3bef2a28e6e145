// SPDX-License-Identifier: Apache-2.0
// Everything a run file may say, as plain structs, one per section, with the defaults. The key table (configs/key_table.hpp) is the one
// place that names, checks and documents the keys; it writes into this struct.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "configs/data_section.hpp"
#include "configs/launch_section.hpp"
#include "configs/model_shape.hpp"
#include "configs/quantities.hpp"

namespace ergon {

enum class Device { cpu, cuda };
enum class GemmName { automatic, mkl, mkl_generic, mkl_float32, onednn, openblas };  // trainer/kernels/gemm_library.hpp
enum class DType { float32, float64, bfloat16 };
enum class Recompute { none, selective, core, full };
enum class LrSchedule { cosine, linear, constant, wsd };
enum class AttentionSharding { ring, ulysses, gather_kv, hybrid };
enum class SequenceLayout { zigzag, striped, contiguous };
enum class PipelineSchedule { gpipe, one_f_one_b, interleaved, zero_bubble };

struct RunSection {
  std::string folder = "runs/default";
  std::int64_t seed = 1;
  Device device = Device::cpu;
  std::int64_t threads = 1;  // intra-op threads of a rank
  bool deterministic = false;
  GemmName gemm = GemmName::automatic;  // the library that multiplies matrices on CPUs

  bool operator==(const RunSection&) const = default;
};

struct TrainSection {
  std::int64_t steps = 1000;
  std::int64_t batch = 64;      // sequences a step over all ranks = microbatch x dp x accumulation
  std::int64_t microbatch = 8;  // sequences a forward on one rank
  DType dtype = DType::float32;
  std::int64_t evaluate_every = 100;  // steps; 0: never
  std::int64_t evaluate_batches = 8;  // batches of `batch` sequences an evaluation
  Recompute recompute = Recompute::none;

  bool operator==(const TrainSection&) const = default;
};

struct OptimizerSection {
  double lr = 6e-4;
  double minimum_lr = 6e-5;
  std::array<double, 2> betas = {0.9, 0.95};
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  std::vector<std::string> no_decay = {"norm", "bias", "embedding"};  // parameter kinds
  double clip = 1.0;                                                  // global norm; 0: never clip
  LrSchedule schedule = LrSchedule::cosine;
  std::int64_t warmup = 100;     // steps
  std::int64_t decay_steps = 0;  // 0: until train.steps

  bool operator==(const OptimizerSection&) const = default;
};

struct MeshSection {
  std::int64_t dp = 1, pp = 1, cp = 1, tp = 1;
  std::string order = "tp-cp-dp-pp";  // leftmost varies fastest over ranks
  AttentionSharding attention = AttentionSharding::ring;
  SequenceLayout layout = SequenceLayout::zigzag;
  std::int64_t ulysses = 1;
  std::int64_t gather_heads = 1;
  bool sequence_parallel = false;
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
  std::int64_t virtual_stages = 1;
  std::int64_t zero = 0;
  Bytes bucket = {25 << 20};

  bool operator==(const MeshSection&) const = default;
};

struct CheckpointSection {
  std::int64_t every = 200;     // steps; 0: only at the end and on signals
  std::int64_t keep = 3;        // the newest
  std::int64_t keep_every = 0;  // steps: those of every n-th stay for ever; 0: none
  bool keep_best = false;       // the one of the lowest validation loss stays
  bool asynchronous = true;     // written beside the steps that follow

  bool operator==(const CheckpointSection&) const = default;
};

// What happens after losses that are not finite or leap.
struct RecoverySection {
  std::int64_t returns = 0;   // times a run goes back to its last healthy checkpoint by itself; 0: never
  double spike = 0;           // a loss this many standard deviations above the mean of the window is a leap; 0: never
  std::int64_t window = 128;  // steps

  bool operator==(const RecoverySection&) const = default;
};

struct WatchdogSection {
  Seconds start = {600}, step = {300}, checkpoint = {1800}, abort = {30};

  bool operator==(const WatchdogSection&) const = default;
};

struct AccountingSection {
  std::string peak;   // a device id of configs/devices.toml; empty: peak unknown
  Flops budget = {};  // stop, saved, when spent `exact` FLOPs reach it; 0: none

  bool operator==(const AccountingSection&) const = default;
};

// How a run is shown while it trains.
struct MetricsSection {
  std::int64_t port = -1;             // of /metrics on rank 0; -1: none; 0: a free one
  std::string address = "127.0.0.1";  // that it listens on
  bool tensorboard = false;           // RUN/tensorboard

  bool operator==(const MetricsSection&) const = default;
};

struct RunConfig {
  RunSection run;
  ModelShape model;
  DataSection data;
  TrainSection train;
  OptimizerSection optimizer;
  MeshSection mesh;
  CheckpointSection checkpoint;
  RecoverySection recovery;
  WatchdogSection watchdog;
  AccountingSection accounting;
  LaunchSection launch;
  MetricsSection metrics;

  bool operator==(const RunConfig&) const = default;
};

}  // namespace ergon
