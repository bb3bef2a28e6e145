// SPDX-License-Identifier: Apache-2.0
#include "trainer/loop.hpp"

#include <optional>

#include "trainer/checkpoint/agreement.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/store_catalogue.hpp"
#include "trainer/flight_files.hpp"
#include "trainer/training_run.hpp"

namespace ergon {

namespace {

// One attempt, from the newest checkpoint when there is one. Nothing: it has gone back, and the next attempt goes on.
std::optional<RunResult> run_attempt(const RunConfig& config, const BegunAttempt& begun, const StoreCatalogue& stores,
                                     Communicators& communicators, Storage& storage, const LoopOptions& options) {
  const FlightFilesScope flight(options.watchdog, storage, begun.attempt.folder, begun.attempt.number);

  // 1. Parameters, data and checkpoints.
  std::optional<TrainingRun> opened;
  on_every_rank(*communicators.control, [&] { opened.emplace(config, begun, stores, communicators, storage, options); });
  TrainingRun& run = *opened;
  run.resume();
  run.announce();

  // 2. Step after step; what is due at a boundary is done in the order of the header.
  //    3. The result is written last: scripts take it for the truth.
  try {
    while (run.steps_left() && !run.must_stop() && !run.must_return()) {
      run.step();
      if (run.evaluation_due()) run.evaluate();
      if (run.save_due()) run.save();
    }
    if (!run.must_return()) return run.finish();
    run.give_up();
    return std::nullopt;
  } catch (const AgreedError& error) {
    run.fail(error);
    throw;
  }
}

}  // namespace

RunResult run_training(RunConfig config, Communicators& communicators, Storage& storage, const LoopOptions& options) {
  BegunAttempt begun = begin_attempt(config, options.resume, storage, *communicators.control, options.lock, options.monitor);
  config.run.folder = begun.attempt.folder;
  config.data.train = begun.attempt.train;
  config.data.validation = begun.attempt.validation;
  config.data.packing_table = begun.attempt.packing_table;
  if (begun.attempt.finished) return finished_before(storage, begun.attempt, options.monitor, communicators);

  std::vector<std::string> paths = config.data.train;
  paths.insert(paths.end(), config.data.validation.begin(), config.data.validation.end());
  StoreCatalogue stores = share_store_catalogue(paths, storage, *communicators.control);
  if (!config.data.packing_table.empty()) share_packing_table(config.data.packing_table, stores, storage, *communicators.control);
  while (true) {
    if (const auto result = run_attempt(config, begun, stores, communicators, storage, options)) return *result;
    begun = next_attempt(std::move(begun), *communicators.control);
  }
}

}  // namespace ergon
