// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/retention.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/verify.hpp"

namespace ergon {

namespace {

// Deletes checkpoints of one run folder, a message each.
class Remover {
 public:
  Remover(Storage& storage, std::string folder, const std::function<void()>& check_owner, std::vector<std::string>& messages)
      : storage_(storage), folder_(std::move(folder)), check_owner_(check_owner), messages_(messages) {}

  void operator()(const std::string& name, const std::string& why) {
    check_owner_();
    const std::string doomed = folder_ + "/" + name + ".del";
    try {
      storage_.rename(folder_ + "/" + name, doomed);
      storage_.sync_directory(folder_);
      storage_.remove_directory(doomed);
      messages_.push_back(fmt::format("deleted {}: {}", name, why));
    } catch (const Error& error) {
      messages_.push_back(fmt::format("could not delete {}: {} ({})", name, error.problem(), error.where()));
    }
  }

 private:
  Storage& storage_;
  const std::string folder_;
  const std::function<void()>& check_owner_;
  std::vector<std::string>& messages_;
};

bool usable(const RetentionCandidate& candidate) { return candidate.in_lineage && candidate.readable && candidate.healthy; }

// The healthy one of the lowest validation loss; null: none was evaluated.
const RetentionCandidate* best_of(const std::vector<RetentionCandidate>& newest_first) {
  const RetentionCandidate* best = nullptr;
  for (const RetentionCandidate& candidate : newest_first) {
    if (!usable(candidate) || !candidate.validation_loss || !std::isfinite(*candidate.validation_loss)) continue;
    if (best == nullptr || *candidate.validation_loss < *best->validation_loss) best = &candidate;
  }
  return best;
}

std::optional<double> validation_loss(Storage& storage, const std::string& folder, const Manifest& manifest) {
  const RunState state = parse_state(read_checked(storage, folder, state_name, manifest), folder + "/" + state_name);
  const auto record = state.records.find("validation");
  if (record == state.records.end()) return {};
  const nlohmann::json loss = nlohmann::json::parse(record->second);
  return loss.is_number() ? std::optional(loss.get<double>()) : std::nullopt;
}

std::vector<RetentionCandidate> candidates_of(Storage& storage, const std::string& run_folder, const RetentionRules& rules) {
  const Catalogue catalogue = read_catalogue(storage, run_folder);
  std::vector<RetentionCandidate> candidates;
  for (const CatalogueEntry& entry : catalogue.entries) {
    if (!entry.suffix.empty()) continue;
    RetentionCandidate candidate{entry.name, entry.id.step, catalogue.lineage.contains(entry.id), entry.manifest.has_value(), true, {}};
    if (entry.manifest) candidate.healthy = entry.manifest->health.good();
    if (entry.manifest && rules.keep_best)
      candidate.validation_loss = validation_loss(storage, checkpoints_folder(run_folder) + "/" + entry.name, *entry.manifest);
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

void retain(Storage& storage, const std::string& run_folder, const RetentionRules& rules, const std::function<void()>& check_owner,
            Retained& retained) {
  check_owner();
  const std::string folder = checkpoints_folder(run_folder);
  const std::vector<RetentionCandidate> candidates = candidates_of(storage, run_folder, rules);
  const auto newest = std::find_if(candidates.begin(), candidates.end(), usable);
  if (newest == candidates.end()) return;
  const std::vector<std::string> problems = verify_checkpoint(storage, folder + "/" + newest->name, VerifyDepth::bytes);
  if (!problems.empty()) {
    retained.damaged = newest->name;
    retained.why = problems.front();
    for (const std::string& problem : problems)
      retained.messages.push_back(fmt::format("{} does not read back: {}", newest->name, problem));
    retained.messages.push_back(fmt::format("set aside as {}; nothing was deleted", quarantine(storage, run_folder, newest->name)));
    return;
  }
  Remover remove(storage, folder, check_owner, retained.messages);
  for (const Removal& removal : plan_retention(candidates, rules)) remove(removal.name, removal.why);
}

}  // namespace

std::vector<Removal> plan_retention(const std::vector<RetentionCandidate>& newest_first, const RetentionRules& rules) {
  ERGON_CHECK(rules.keep >= 1, "retention of {} checkpoints", rules.keep);
  std::vector<Removal> abandoned, unhealthy, older;
  const RetentionCandidate* best = rules.keep_best ? best_of(newest_first) : nullptr;
  std::int64_t kept = 0;  // of the newest healthy ones, up to rules.keep
  for (const RetentionCandidate& candidate : newest_first) {
    if (!candidate.readable) continue;
    if (!candidate.in_lineage) {
      abandoned.push_back({candidate.name, "it was abandoned"});
    } else if (!candidate.healthy) {
      if (kept > 0) unhealthy.push_back({candidate.name, "it is unhealthy"});
    } else if (kept < rules.keep) {
      ++kept;
    } else if (!(rules.keep_every > 0 && candidate.step % rules.keep_every == 0) && &candidate != best) {
      older.push_back({candidate.name, "newer ones are kept"});
    }
  }
  if (kept == 0) return {};
  abandoned.insert(abandoned.end(), unhealthy.begin(), unhealthy.end());
  abandoned.insert(abandoned.end(), older.begin(), older.end());
  return abandoned;
}

std::vector<Removal> plan_retention(Storage& storage, const std::string& run_folder, const RetentionRules& rules) {
  return plan_retention(candidates_of(storage, run_folder, rules), rules);
}

Retained retain_checkpoints(Storage& storage, const std::string& run_folder, const RetentionRules& rules,
                            const std::function<void()>& check_owner) {
  ERGON_CHECK(rules.keep >= 1, "retention of {} checkpoints", rules.keep);
  Retained retained;
  try {
    retain(storage, run_folder, rules, check_owner, retained);
  } catch (const Error& error) {
    retained.messages.push_back(fmt::format("retention stopped: {} ({})", error.problem(), error.where()));
  }
  return retained;
}

std::vector<std::string> remove_leftovers(Storage& storage, const std::string& run_folder, int attempt) {
  std::vector<std::string> messages;
  const std::string folder = checkpoints_folder(run_folder);
  for (const CatalogueEntry& entry : read_catalogue(storage, run_folder).entries) {
    const bool stale = entry.suffix.rfind(".tmp", 0) == 0 && entry.id.attempt != attempt;
    if (!stale && entry.suffix != ".del") continue;
    try {
      storage.remove_directory(folder + "/" + entry.name);
      messages.push_back(fmt::format("removed {}, left by a process that was killed", entry.name));
    } catch (const Error& error) {
      messages.push_back(fmt::format("could not remove {}: {}", entry.name, error.problem()));
    }
  }
  return messages;
}

void write_hint(Storage& storage, const std::string& run_folder, const std::string& name, std::vector<std::string>& messages) {
  try {
    storage.write_text(checkpoints_folder(run_folder) + "/latest", name + "\n");
  } catch (const Error& error) {
    messages.push_back(fmt::format("the hint `latest` was not written: {} ({})", error.problem(), error.where()));
  }
}

}  // namespace ergon
