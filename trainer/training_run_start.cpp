// SPDX-License-Identifier: Apache-2.0
// How a training run comes to life: data, checkpoint, files, the first lines of the ledger.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accounting/ledger_summary.hpp"
#include "accounting/snapshot_memory.hpp"
#include "configs/devices.hpp"
#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/names.hpp"
#include "configs/parse.hpp"
#include "configs/resume.hpp"
#include "configs/units.hpp"
#include "parallel/plan/refusals.hpp"
#include "trainer/attention/select.hpp"
#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/import.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/data/utf8.hpp"
#include "trainer/kernels/dropout.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/training_run.hpp"

namespace ergon {
namespace {

const std::vector<std::string>& validation_paths(const RunConfig& config) {
  return config.data.validation.empty() ? config.data.train : config.data.validation;
}

LoaderShape loader_shape(const RunConfig& config, const LocalAttention& kernel) {
  return {config.train.microbatch,
          accumulation(config),
          config.data.prefetch,
          config.mesh.layout,
          objective_of(config, kernel.tiles()),
          token_bytes(config.model.vocabulary)};
}

MixPlan mix_plan(const RunConfig& config) { return {config.data.weights, config.data.curriculum}; }

// Ids that a store must leave to the model: what stands for a token to restore.
std::int64_t ids_of_its_own(const ModelShape& shape) { return shape.causal ? 0 : 1; }

std::string text_record(const RunState& state, const std::string& name, const std::string& otherwise) {
  const auto record = state.records.find(name);
  return record == state.records.end() ? otherwise : nlohmann::json::parse(record->second).get<std::string>();
}

void difference(std::vector<std::string>& lines, const std::string& what, const std::string& before, const std::string& now,
                const char* bits = "but not bit for bit") {
  if (before != now) lines.push_back(fmt::format("{} was {}, is {}: the loss continues, {}", what, before, now, bits));
}

// What the layout, the binary and the machine that wrote a checkpoint have to do with the bits of what follows.
std::vector<std::string> differences(const RunState& state, const std::string& folder, const RunConfig& config, const std::string& gemm,
                                     const LoopOptions& options) {
  std::vector<std::string> lines;
  const RunConfig stored = parse_run_text(state.config, folder, {});
  for (const Change& change : changes(stored, config))
    if (change.on_resume == OnResume::layout && change.key != "run.gemm")
      difference(lines, change.key, change.before, change.after,
                 keeps_bits(change, stored, config) ? "bit for bit, for it is deterministic" : "but not bit for bit");
  if (config.run.gemm != GemmName::automatic) difference(lines, "the GEMM library", text_record(state, "gemm", gemm), gemm);
  difference(lines, "the binary", state.binary, options.binary);
  difference(lines, "the processor", state.cpu, options.cpu);
  return lines;
}

}  // namespace

TrainingRun::TrainingRun(const RunConfig& config, const BegunAttempt& begun, const StoreCatalogue& stores, Communicators& communicators,
                         Storage& storage, const LoopOptions& options)
    : config_(config),
      attempt_(begun.attempt),
      lock_(begun.lock.get()),
      communicators_(communicators),
      storage_(storage),
      options_(options),
      folder_(storage, attempt_.folder),
      started_(options.process_start && !attempt_.returns ? *options.process_start : Clock::now()),
      train_source_(stores, config.data.train, Split::train, config.model.sequence, storage, config.data.packing_table),
      validation_source_(stores, validation_paths(config), Split::validation, config.model.sequence, storage),
      data_state_(initial_data_state(train_source_, config.run.seed, mix_plan(config).mixed())),
      time_limit_(options.end),
      losses_(config.recovery.spike, config.recovery.window) {
  check_dropout_counters(config.model, config.train.batch, config.train.steps);
  train_source_.check_vocabulary(config.model.vocabulary, ids_of_its_own(config.model));
  validation_source_.check_vocabulary(config.model.vocabulary, ids_of_its_own(config.model));
}

TrainingRun::~TrainingRun() {
  // The threads that write and read go before the storage, the communicators and the sources that they use.
  background_.reset();
  loader_.reset();
  communicators_.observe(nullptr);
}

void TrainingRun::resume() {
  CheckpointLoader checkpoint(storage_, folder_.path(), *communicators_.control);
  const bool found = find_checkpoint(checkpoint);
  choose_gemm_library(found ? &checkpoint : nullptr);
  on_every_rank(*communicators_.control, [&] {
    replica_ = std::make_unique<Replica>(config_, communicators_, attention_kernel(found ? &checkpoint : nullptr),
                                         open_gemm_library(gemm_.library), options_.device);
  });
  if (found) load(checkpoint);
  if (found || attempt_.returns) take_up_returns();
  first_step_ = step_;

  for (const SkipRange& range : config_.data.skip) {
    const std::int64_t begin = std::max(range.begin, ordinal_of(data_state_, train_source_.samples()));
    if (begin < range.end) add_skip(data_state_, {begin, range.end});
  }
  communicators_.observe(&communication_);
  loader_ = std::make_unique<Loader>(train_source_, loader_shape(config_, *replica_->attention), communicators_, data_state_,
                                     options_.label_mask, mix_plan(config_));
  loader_->observe(&communication_);
  if (config_.train.evaluate_every > 0) {
    evaluation_ = std::make_unique<EvaluationLoader>(validation_source_, loader_shape(config_, *replica_->attention), communicators_,
                                                     config_.train.evaluate_batches);
    evaluation_->observe(&communication_);
  }

  make_saver();
  begin_files();
  booking_ = std::make_unique<Booking>(config_, attempt_.number, step_, since(started_));
  if (steps_left() && budget_spent())
    outcome_ = {ExitCode::budget, fmt::format("the budget accounting.budget was spent before this attempt, at step {}", step_), false};
}

std::string TrainingRun::attention_kernel(const CheckpointLoader* checkpoint) const {
  const std::string recorded = checkpoint != nullptr ? text_record(checkpoint->state(), "attention", "auto") : "auto";
  return continued_attention(attention_job(config_.model, scalar_type(config_.train.dtype), options_.device.type()), recorded);
}

void TrainingRun::choose_gemm_library(const CheckpointLoader* checkpoint) {
  const std::string recorded = checkpoint != nullptr ? text_record(checkpoint->state(), "gemm", "") : "";
  const std::int64_t done = checkpoint != nullptr ? checkpoint->state().step : 0, tp = communicators_.tp->size();
  double work = 0;
  for (const GemmProduct& product : step_products(config_, tp)) work += product.flops() * static_cast<double>(product.count);
  work *= static_cast<double>(config_.train.steps - done);
  gemm_ = choose_gemm(config_, tp, work, recorded.empty() ? std::nullopt : std::optional(recorded), options_.time_gemm,
                      *communicators_.control);
}

// Whether there is a checkpoint to continue from. A folder that has been trained in but has none is refused: starting at step 0 there by
// itself would throw work away without a word.
bool TrainingRun::find_checkpoint(CheckpointLoader& checkpoint) {
  const bool found = checkpoint.open(options_.resume.restart ? Unusable::begin_anew : Unusable::refuse);
  for (const std::string& message : checkpoint.messages()) say(message);
  if (found && options_.resume.restart) say("--restart has no effect: there is a checkpoint to resume from");
  if (found || !attempt_.started_before || attempt_.returns) return found;
  if (!options_.resume.restart)
    throw AgreedError("this run was started before but has no checkpoint to resume from", folder_.path(),
                      "--restart begins at step 0 in this folder and books the earlier work as lost; --fresh begins in a new folder",
                      ExitCode::data);
  return false;
}

void TrainingRun::load(CheckpointLoader& checkpoint) {
  const CheckpointId opened = checkpoint.id();
  checkpoint.load(tensors_of(*replica_));
  replica_->parameters.round_masters();
  replica_->parameters.share_weights();
  if (!(checkpoint.id() == opened))
    say(fmt::format("the checkpoint of step {} did not verify; went back to step {}", opened.step, checkpoint.id().step));
  const RunState& state = checkpoint.state();
  parent_ = checkpoint.id();
  step_ = saved_step_ = state.step;
  tokens_ = state.tokens;
  std::vector<std::string> lines;
  on_every_rank(*communicators_.control, [&] {
    if (state.records.contains(imported_record)) return check_imported_model(state, config_.model, checkpoint.folder());
    data_state_ = data_state_from_json(state.data_state, checkpoint.folder());
    check_data_state(data_state_, train_source_, config_.run.seed, mix_plan(config_).mixed());
    complete(data_state_, train_source_, state.step);
    lines = differences(state, checkpoint.folder(), config_, gemm_.library, options_);
  });
  if (const auto guard = state.records.find("guard"); guard != state.records.end()) {
    const auto counts = nlohmann::json::parse(guard->second);
    guard_.restore(counts.at("in_a_row"), counts.at("total"));
  }
  if (const auto losses = state.records.find("losses"); losses != state.records.end())
    losses_.restore(nlohmann::json::parse(losses->second).get<std::vector<double>>());

  say(fmt::format("resuming from {} at step {}", checkpoint.folder(), step_));
  for (const std::string& line : lines) say(line);
}

// What this attempt continues, durably, before it saves anything. A restart gives up every checkpoint there is, those set aside included.
void TrainingRun::begin_lineage() {
  check_writable();
  if (attempt_.started_before && !parent_ && !attempt_.returns)
    append_lineage(storage_, folder_.path(), {LineageRecord::Event::abandon, attempt_.number - 1, 0, ""});
  check_writable();
  append_lineage(storage_, folder_.path(), {LineageRecord::Event::resume, attempt_.number, step_, parent_ ? parent_->uuid : ""});
}

// With the places of its stores as they are from everywhere: a later attempt may have another working folder.
std::string TrainingRun::recorded_config() const {
  RunConfig config = config_;
  const auto make_absolute = [](std::string& path) {
    const std::string absolute = std::filesystem::absolute(path).lexically_normal().string();
    if (std::string text = absolute; repair_utf8(text) == 0) path = absolute;  // TOML holds no other
  };
  for (std::vector<std::string>* paths : {&config.data.train, &config.data.validation}) std::ranges::for_each(*paths, make_absolute);
  if (!config.data.packing_table.empty()) make_absolute(config.data.packing_table);
  return to_toml(config);
}

// Rank 0 opens the files, books what the attempt before left unbooked, and writes the first lines of this one. config.toml changes after
// the ledger has the changes; only in a new folder it comes first, because a folder with a ledger is one that was started.
void TrainingRun::begin_files() {
  const std::string spent = on_rank_zero(*communicators_.control, [&] {
    check_writable();
    const bool is_new = !storage_.exists(folder_.config());
    if (is_new) storage_.write_text(folder_.config(), recorded_config());
    if (storage_.exists(folder_.result())) storage_.unlink(folder_.result());
    for (const std::string& message : remove_leftovers(storage_, folder_.path(), attempt_.number)) say(message);
    const std::vector<LedgerLine> unbooked = unbooked_work(folder_.path(), storage_, *replica_->attention);
    events_ = std::make_unique<EventLog>(storage_, folder_.events());
    ledger_ = std::make_unique<LineLog>(storage_, folder_.ledger());
    for (const LedgerLine& line : unbooked) append_ledger(line);
    const Ledger earlier = parse_ledger(storage_.read_text(folder_.ledger()), folder_.ledger());
    Flops spent_before = {};
    if (!earlier.lines.empty()) {
      LedgerSummary summary = summarise(earlier, folder_.ledger());
      spent_before = summary.spent.training.model["exact"] + summary.spent.evaluation.model["exact"];
    }
    begin_lineage();
    append_ledger(attempt_start());
    if (!is_new) storage_.write_text(folder_.config(), recorded_config());
    nlohmann::json fields = {{"from_step", step_},
                             {"mesh", communicators_.mesh.summary()},
                             {"ranks", communicators_.mesh.size()},
                             {"attention", replica_->attention->name()},
                             {"gemm", gemm_.library},
                             {"torn_lines", events_->torn_lines() + ledger_->torn_lines()},
                             {"data", data_identity()}};
    events_->add("attempt", attempt_.number, fields);
    events_->sync();
    return to_decimal(spent_before);
  });
  spent_before_ = parse_decimal(spent);
  if (leader() && options_.monitor != nullptr)
    options_.monitor->started({folder_.path(), attempt_.number, step_, config_.train.steps, communicators_.mesh.size()});
}

// What losses can be compared by: on which tokens they were measured, and of how many different ones the model has seen.
nlohmann::json TrainingRun::data_identity() const {
  return {{"tokenizer", validation_source_.stores().front()->info().tokenizer_sha256},
          {"train", train_source_.fingerprint()},
          {"train_tokens", train_source_.tokens()},
          {"validation", validation_source_.fingerprint()}};
}

AttemptStart TrainingRun::attempt_start() {
  AttemptStart start;
  start.attempt = attempt_.number;
  start.parent = parent_ ? parent_->attempt : 0;
  start.resumed_step = step_;
  start.mesh = communicators_.mesh.summary();
  start.world_size = communicators_.mesh.size();
  start.device =
      config_.accounting.peak.empty() ? c10::DeviceTypeName(options_.device.type(), /*lower_case=*/true) : config_.accounting.peak;
  start.devices = communicators_.mesh.size();
  const std::optional<Peak> peak = device_peak(config_.accounting.peak, config_.train.dtype);
  if (peak) peak_ = peak->rate.value * static_cast<double>(start.devices);
  start.peak = peak ? peak->rate : FlopsPerSecond{};
  start.peak_source = peak ? peak->source : unknown_peak_reason(config_.accounting.peak, config_.train.dtype);
  start.parameters = count_parameters(config_.model);
  start.torn_lines = events_->torn_lines() + ledger_->torn_lines();
  start.changes = attempt_.changes;
  start.allocation = options_.allocation;
  start.allocation->started = unix_time() - since(started_);
  start.allocation->places = std::max<std::int64_t>(start.allocation->places, communicators_.mesh.size());
  if (gemm_.seconds.value > 0) start.measured.push_back({"gemm", gemm_.library, gemm_.seconds});
  return start;
}

std::string precision_text(DType dtype, const Gemm& gemm) {
  if (dtype != DType::bfloat16) return choice_name(dtype);
  return gemm.native_bfloat16() ? "bfloat16 (native products)" : "bfloat16 (products computed in float32 from the rounded values)";
}

void TrainingRun::announce() {
  const ParameterCounts parameters = count_parameters(config_.model);
  say(fmt::format("{} parameters in {}, mesh {}, {} attention, {} sequences of {} tokens a step, data {} samples, folder {}",
                  parameters.total, precision_text(config_.train.dtype, replica_->gemm), communicators_.mesh.summary(),
                  replica_->attention->name(), config_.train.batch, config_.model.sequence, train_source_.samples(), folder_.path()));
  if (train_source_.padding() > 0)
    say(fmt::format("documents packed by {}: {:.2f} % of all positions are padding", config_.data.packing_table,
                    100 * train_source_.padding()));
  say(gemm_.reason);
  if (const Bytes copy = snapshot_bytes(config_); copy.value > 0)
    say(fmt::format("saves are written beside training, from a second copy of {} over all ranks", to_text(copy)));
  for (const ConfigChange& change : attempt_.changes)
    say(fmt::format("changed since the attempt before: {} = {}, was {}", change.key, change.after, change.before));
}

RunResult finished_before(Storage& storage, const Attempt& attempt, RunMonitor* monitor, Communicators& communicators) {
  RunResult result;
  on_rank_zero(*communicators.control, [&] {
    result = *RunFolder(storage, attempt.folder).read_result();
    if (monitor != nullptr) monitor->message(fmt::format("{}: this run is finished ({}); nothing to do", attempt.folder, result.reason));
    return std::string();
  });
  result.code = ExitCode::ok;
  return result;
}

}  // namespace ergon
