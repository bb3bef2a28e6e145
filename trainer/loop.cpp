// SPDX-License-Identifier: Apache-2.0
#include "trainer/loop.hpp"

#include <optional>

#include "trainer/checkpoint/agreement.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/store_layouts.hpp"
#include "trainer/flight_files.hpp"
#include "trainer/training_run.hpp"

namespace ergon {

RunResult run_training(RunConfig config, Communicators& communicators, Storage& storage, const LoopOptions& options) {
  const BegunAttempt begun = begin_attempt(config, options.resume, storage, *communicators.control, options.lock, options.monitor);
  const Attempt& attempt = begun.attempt;
  config.run.folder = attempt.folder;
  config.data.train = attempt.train;
  config.data.validation = attempt.validation;
  config.data.packing_table = attempt.packing_table;
  if (attempt.finished) return finished_before(storage, attempt, options.monitor, communicators);

  const FlightFilesScope flight(options.watchdog, storage, attempt.folder, attempt.number);

  // 1. Parameters, data and checkpoints; from the newest checkpoint when there is one.
  std::vector<std::string> stores = config.data.train;
  stores.insert(stores.end(), config.data.validation.begin(), config.data.validation.end());
  share_store_layouts(stores, storage, *communicators.control);
  if (!config.data.packing_table.empty()) share_packing_layout(config.data.packing_table, storage, *communicators.control);
  std::optional<TrainingRun> opened;
  on_every_rank(*communicators.control, [&] { opened.emplace(config, begun, communicators, storage, options); });
  TrainingRun& run = *opened;
  run.resume();
  run.announce();

  // 2. Step after step; what is due at a boundary is done in the order of the header.
  //    3. The result is written last: scripts take it for the truth.
  try {
    while (run.steps_left() && !run.must_stop()) {
      run.step();
      if (run.evaluation_due()) run.evaluate();
      if (run.save_due()) run.save();
    }
    return run.finish();
  } catch (const AgreedError& error) {
    run.fail(error);
    throw;
  }
}

}  // namespace ergon
