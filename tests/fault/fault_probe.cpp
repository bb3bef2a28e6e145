// SPDX-License-Identifier: Apache-2.0
// `ergon train` with a planned end: fault_probe RANK PLACE STEP DEED RUN.toml KEY=VALUE...
//
// On rank RANK, in step STEP or later, the DEED is done at PLACE:
//   forward, backward  while it computes there and waits for nobody   collective  while this rank waits for an operation of tp or cp-dp
//   GROUP:OPERATION    while this rank waits for that operation of that group: cp:ring_shift, pp:recv
//   overlap     while it computes in the forward and an operation is under way: ZeRO-3 gathers the weights of the next layer then
//   save        at the second write of a checkpoint's file          agreement   where the ranks are about to agree on stopping
//   loss        of its microbatches
// DEED: kill, stop (the signals of these names), hang (computes for ever), slow (10 s later), full (no space left), error, bug, none; of
// the loss: nan, nan_once in step STEP alone, and nan_first when the process first comes to it. ERGON_PROBE_LEASE: seconds after which a
// lock that stands still is stale; its owner counts ten times as often. Each process first leaves a file pid.RANK with its number and that
// of the MPI job.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "configs/parse.hpp"
#include "launch/failure.hpp"
#include "launch/process_watchdog.hpp"
#include "launch/signals.hpp"
#include "parallel/communicator_mpi.hpp"
#include "parallel/mpi.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/refusals.hpp"
#include "tests/support/filtered_loss.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "trainer/loop.hpp"
#include "trainer/process.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {
namespace {

struct Plan {
  int rank = 0;
  std::string place, deed;
  std::int64_t step = 0;

  bool computes() const { return place == "forward" || place == "overlap" || place == "backward"; }
  bool waits() const { return place == "collective" || place.find(':') != std::string::npos; }
  void carry_out() const {
    if (deed == "kill") std::raise(SIGKILL);
    if (deed == "stop") std::raise(SIGSTOP);
    if (deed == "full") throw Error("no space left on device", "planned", "make room", ExitCode::data);
    if (deed == "error") throw Error("this rank cannot go on", "planned", "no way out", ExitCode::data);
    if (deed == "bug") ERGON_CHECK(false, "planned");
    if (deed == "slow") std::this_thread::sleep_for(std::chrono::seconds(10));
    while (deed == "hang") std::this_thread::sleep_for(std::chrono::seconds(1));
  }
};

// Holds the compute thread for a moment, so that what its record says stays true for as long. A handler may use little else than these.
std::atomic<bool> holds = false, held = false;

extern "C" void hold(int) {
  held = true;
  const timespec moment = {0, 100'000};
  for (int i = 0; i < 100 && holds; ++i) ::nanosleep(&moment, nullptr);
  held = false;
}

// Looks at the rank's own flight record and does the deed when the moment has come.
class Saboteur {
 public:
  Saboteur(const Plan& plan, std::shared_ptr<FlightRecord> record) : plan_(plan), record_(std::move(record)), compute_(::pthread_self()) {
    struct sigaction action = {};
    action.sa_handler = hold;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGRTMIN, &action, nullptr);
    thread_ = std::thread([this] { watch(); });
  }
  ~Saboteur() {
    over_ = true;
    thread_.join();
  }

 private:
  void watch() {
    while (!over_) {
      if (record_->position().step < plan_.step) {
        std::this_thread::yield();
        continue;
      }
      holds = true;
      ::pthread_kill(compute_, SIGRTMIN);
      while (!held && !over_) std::this_thread::yield();
      const FlightRecord::Position here = record_->position();
      if (held && here.step >= plan_.step && here.phase == FlightPhase::step && is_the_place(here)) return plan_.carry_out();
      holds = false;
      while (held && !over_) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  bool is_the_place(const FlightRecord::Position& here) const {
    if (!plan_.waits()) return computes_in(plan_.place, here);
    if (!here.waits) return false;
    const std::string group = record_->group(here.waits->group).name;
    if (plan_.place == "collective") return group == "tp" || group == "cp-dp";
    return plan_.place == group + ":" + name(here.waits->operation);
  }

  // In the forward behind a sum of activations, so that another operation of the forward follows.
  static bool computes_in(const std::string& part, const FlightRecord::Position& here) {
    if (here.waits || !here.newest || here.newest->step != here.step) return false;
    if (part == "overlap") return here.newest->completed == 0 && here.part == FlightPart::forward;
    if (here.newest->completed == 0) return false;
    if (part != name(here.phase, here.part)) return false;
    return here.part == FlightPart::backward || (here.newest->part == here.part && here.newest->elements >= sum_of_activations);
  }

  static constexpr std::int64_t sum_of_activations = 4096;  // of the run that death_test.py starts: 4 sequences of 32 positions of width 32
  const Plan plan_;
  std::shared_ptr<FlightRecord> record_;
  const pthread_t compute_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

class PlannedStorage final : public test::InspectingStorage {
 public:
  explicit PlannedStorage(const Plan* plan, std::shared_ptr<FlightRecord> record) : plan_(plan), record_(std::move(record)) {}
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
    if (plan_ != nullptr && plan_->place == "save" && record_->position().step >= plan_->step && ++writes_ == 2) plan_->carry_out();
    Storage::pwrite(file, data, offset);
  }

 private:
  const Plan* plan_;
  std::shared_ptr<FlightRecord> record_;
  int writes_ = 0;
};

int train(const Plan& plan, const char* file, const std::vector<std::string>& keys) {
  std::unique_ptr<Communicator> world = make_mpi_world();
  const int rank = world->rank();
  const char* job = std::getenv("PMIX_NAMESPACE");
  std::ofstream("pid." + std::to_string(rank)) << getpid() << " " << (job != nullptr ? job : "0") << "\n";
  const std::unique_ptr<Watchdog> watchdog = start_watchdog(*world);
  try {
    const RunConfig config = parse_run_config(file, keys);
    watchdog->set_limits(limits_of(config.watchdog));
    prepare_process(1);
    Communicators communicators(mesh_of(config.mesh), std::move(world), 1, {}, context_sharding(config.mesh).exchanging());
    const Plan* mine = rank == plan.rank ? &plan : nullptr;
    PlannedStorage storage(mine, watchdog->record());
    std::optional<Saboteur> saboteur;
    if (mine != nullptr && (plan.computes() || plan.waits())) saboteur.emplace(plan, watchdog->record());
    std::optional<test::FilteredLoss> losses;
    if (mine != nullptr && plan.place == "loss")
      losses.emplace([&plan, record = watchdog->record(), been = false, left = false](double loss) mutable {
        const std::int64_t step = record->position().step;
        left |= been && step != plan.step;
        been |= step == plan.step;
        if (plan.deed == "nan_first" && left) return loss;
        return step == plan.step || (step > plan.step && plan.deed == "nan") ? NAN : loss;
      });
    LoopOptions options;
    if (const char* lease = std::getenv("ERGON_PROBE_LEASE"))
      options.lock = {{std::atof(lease) / 10}, {std::atof(lease)}, {std::atof(lease) / 50}, {std::atof(lease)}};
    options.watchdog = watchdog.get();
    options.pending_stop = [&] {
      if (mine != nullptr && plan.place == "agreement" && watchdog->record()->position().step >= plan.step) plan.carry_out();
      return pending_stop();
    };
    return static_cast<int>(run_training(config, communicators, storage, options).code);
  } catch (const AgreedError& error) {
    if (rank == 0) fmt::print(stderr, "ergon: error: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (...) {
    end_together(watchdog.get());
    throw;
  }
}

}  // namespace
}  // namespace ergon

int main(int argc, char** argv) {
  using namespace ergon;
  const Plan plan{std::atoi(argv[1]), argv[2], argv[4], std::atoll(argv[3])};
  const std::vector<std::string> keys(argv + 6, argv + argc);
  install_signal_handlers();
  MpiEnvironment mpi(&argc, &argv);
  const int code =
      run_guarded([&] { return train(plan, argv[5], keys); }, [](int failed) { MpiEnvironment::abort(static_cast<ExitCode>(failed)); });
  return mpi.finish(static_cast<ExitCode>(code), Seconds{30});
}
