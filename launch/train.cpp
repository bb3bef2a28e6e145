// SPDX-License-Identifier: Apache-2.0
// `ergon train`: the same line starts, resumes and finishes a run, alone or under mpirun.
#include <fmt/format.h>

#include <cstdlib>

#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "configs/resume.hpp"
#include "launch/binding.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/failure.hpp"
#include "launch/gemm_timer.hpp"
#include "launch/hdf5_helper.hpp"
#include "launch/identity.hpp"
#include "launch/jobs/own_allocation.hpp"
#include "launch/jobs/slurm.hpp"
#include "launch/monitors.hpp"
#include "launch/process_watchdog.hpp"
#include "launch/progress.hpp"
#include "launch/run_device.hpp"
#include "launch/signals.hpp"
#include "launch/start_limit.hpp"
#include "parallel/communicator_mpi.hpp"
#include "parallel/mpi.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/elastic_mesh.hpp"
#include "parallel/plan/head_partition.hpp"
#include "parallel/plan/refusals.hpp"
#include "parallel/watchdog_mail.hpp"
#include "trainer/loop.hpp"
#include "trainer/process.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

struct TrainLine {
  std::string file;
  std::int64_t stop_at = 0;  // seconds since 1970; 0: what Slurm says, if it does
  std::vector<std::string> overrides;
  ResumeOptions resume;
};

bool parse_line(int argc, char** argv, TrainLine& line) {
  CommandLine command("ergon train", "Trains the model of a run file, or resumes its run. Under mpirun every rank takes the same line.");
  command.positional(line.file, "RUN.toml", "the run file");
  command.rest(line.overrides, "KEY=VALUE", "keys of the run file, after it: model.layers=6 optimizer.lr=3e-4");
  command.flag(line.resume.fresh, "--fresh", "train in a new folder beside run.folder; nothing is deleted");
  command.flag(line.resume.restart, "--restart", "begin at step 0 in a folder whose checkpoints are all unusable");
  command.option(line.resume.allow_change, "--allow-change", "KEY",
                 "resume although this key changed; the change is written to the ledger");
  command.option(line.stop_at, "--stop-at", "SECONDS",
                 "save and exit 85 before this moment, in seconds since 1970; a job of Slurm is asked for its own end");
  command.footer(
      "Signals: USR1, USR2, TERM save and exit 85 (run the same line again); INT and a file `stop` in the\n"
      "run folder save and exit 86; a file `save` there saves and goes on. "
      "Stop mpirun itself with USR1: it turns TERM and INT into SIGKILL.\n\n"
      "ERGON_START_LIMIT (\"10 min\"): ranks that have not met by then end with 5; later, the keys of [watchdog] hold.\n\nKeys of the run "
      "file:\n" +
      keys_help());
  return command.parse(argc, argv);
}

// Rank 0 reads the file for all; what every rank then parses is the resolved text. An elastic run takes the mesh that the ranks allow.
RunConfig agreed_config(const TrainLine& line, Communicator& world) {
  const std::string resolved = on_rank_zero(world, [&] {
    require_known(line.resume.allow_change);
    RunConfig config = parse_run_config(line.file, line.overrides);
    int ranks = world.size();
    if (is_elastic(config)) {
      const FittedMesh mesh = fit_mesh(config, world.size());
      config = on_mesh(config, mesh);
      ranks = static_cast<int>(mesh.ranks());
    }
    check_plan(config, ranks);
    return to_toml(config);
  });
  return parse_run_text(resolved, line.file, {});
}

const char* environment(const char* name) { return std::getenv(name); }

// What rank 0 knows of the time and the places that this run was given: from the line, from Slurm of the job that it runs in. Returns the
// number of a job that is this run's own.
std::string note_allocation(const TrainLine& line, int ranks, LoopOptions& options) {
  const char* id = environment("SLURM_JOB_ID");
  const auto job = id != nullptr ? slurm_job(id) : std::nullopt;
  if (line.stop_at > 0)
    options.end = TimeLimit::WallClock::time_point(std::chrono::seconds(line.stop_at));
  else if (job)
    options.end = job->end;
  options.allocation = own_allocation(ranks, job, environment);
  return launched_job(job, environment);
}

// Ranks that the mesh of an elastic run has no place for leave it here, and wait for the others at the end of MPI, asleep.
bool is_left_over(std::unique_ptr<Communicator>& world, std::unique_ptr<Watchdog>& watchdog, const RunConfig& config) {
  const std::int64_t ranks = config.mesh.dp * config.mesh.pp * config.mesh.cp * config.mesh.tp;
  if (ranks == world->size()) return false;
  watchdog.reset();
  const bool left_over = world->rank() >= ranks;
  if (world->rank() == 0)
    fmt::print(stderr, "{} of {} ranks train: dp={} pp={} cp={} tp={}, microbatch {}; {} are idle\n", ranks, world->size(), config.mesh.dp,
               config.mesh.pp, config.mesh.cp, config.mesh.tp, config.train.microbatch, world->size() - ranks);
  world = world->split(left_over ? 1 : 0, world->rank(), "world");
  // A watchdog has a communicator of all processes of the job, which all of them make.
  if (left_over && ranks > 1) make_mpi_mail();
  if (!left_over) watchdog = start_watchdog(*world);
  return left_over;
}

constexpr int left_over_rank = -1;

int train(const TrainLine& line, LocalRank local, std::unique_ptr<Deadline> start) {
  std::unique_ptr<Communicator> world = make_mpi_world();
  const int places = world->size();
  const bool leader = world->rank() == 0;
  std::unique_ptr<Watchdog> watchdog = start_watchdog(*world);
  start.reset();
  try {
    const RunConfig config = agreed_config(line, *world);
    if (is_left_over(world, watchdog, config)) return left_over_rank;
    if (watchdog) watchdog->set_limits(limits_of(config.watchdog));
    const std::string bound = bind_rank(local, config.launch.bind);
    if (leader && !bound.empty()) fmt::print(stderr, "rank 0 is bound to {}\n", bound);
    prepare_process(config.run.threads);
    const int replicas =
        static_cast<int>(partition_heads(config.model.heads, config.model.kv_heads, static_cast<int>(config.mesh.tp), 0).kv_replicas);
    const RunDevice device(config, *world, local);
    if (watchdog) device.guard(*watchdog, config.watchdog.abort);
    Communicators communicators(mesh_of(config.mesh), std::move(world), replicas, device.groups(),
                                context_sharding(config.mesh).exchanging());

    ProgressPrinter printer(stderr, style_of(stderr));
    Storage storage(hdf5_helper());
    LoopOptions options;
    options.resume = line.resume;
    options.binary = binary_identity();
    options.cpu = device.identity();
    options.device = device.device();
    options.pending_stop = pending_stop;
    options.process_start = process_start();
    const std::string job = on_rank_zero(*communicators.control, [&] { return note_allocation(line, places, options); });
    options.time_gemm = child_gemm_timer();
    Monitors monitors(printer, config.metrics, storage, job);
    options.monitor = leader ? &monitors : nullptr;
    options.watchdog = watchdog.get();
    return static_cast<int>(run_training(config, communicators, storage, options).code);
  } catch (const AgreedError& error) {
    // Every rank has it; one says it, and all end in order.
    if (leader) fmt::print(stderr, "ergon: error: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (...) {
    end_together(watchdog.get());
    throw;
  }
}

}  // namespace

int command_train(int argc, char** argv) {
  TrainLine line;
  if (!parse_line(argc, argv, line)) return 0;
  install_signal_handlers();
  std::unique_ptr<Deadline> start = limit_start();
  MpiEnvironment mpi(&argc, &argv);
  // A rank that is alone keeps nobody waiting: it ends in order, without MPI's own lines below the message.
  const auto end_the_others = [&](int failed) {
    if (mpi.size() > 1) MpiEnvironment::abort(static_cast<ExitCode>(failed));
  };
  const int code = run_guarded([&] { return train(line, mpi.local(), std::move(start)); }, end_the_others);
  if (code == left_over_rank) return mpi.finish(ExitCode::ok, /*patience=*/{1e9});
  return mpi.finish(static_cast<ExitCode>(code), /*patience=*/{30});
}

}  // namespace ergon
