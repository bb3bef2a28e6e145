// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/retention.hpp"

#include <algorithm>
#include <tuple>

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

  void operator()(const std::string& name, const char* why) {
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

bool usable(const CatalogueEntry& entry) { return entry.manifest && entry.manifest->health.good(); }

void retain(Storage& storage, const std::string& run_folder, std::int64_t keep, const std::function<void()>& check_owner,
            std::vector<std::string>& messages) {
  check_owner();
  const std::string folder = checkpoints_folder(run_folder);
  const Catalogue catalogue = read_catalogue(storage, run_folder);
  const auto candidates = catalogue.candidates();
  const auto newest = std::find_if(candidates.begin(), candidates.end(), [](const CatalogueEntry* entry) { return usable(*entry); });
  if (newest == candidates.end()) return;

  const std::string& newest_name = (*newest)->name;
  const std::vector<std::string> problems = verify_checkpoint(storage, folder + "/" + newest_name, VerifyDepth::bytes);
  if (!problems.empty()) {
    for (const std::string& problem : problems) messages.push_back(fmt::format("{} does not read back: {}", newest_name, problem));
    messages.push_back(fmt::format("set aside as {}; nothing was deleted", quarantine(storage, run_folder, newest_name)));
    return;
  }

  Remover remove(storage, folder, check_owner, messages);
  for (const CatalogueEntry& entry : catalogue.entries) {
    if (entry.suffix.empty() && entry.manifest && !catalogue.lineage.contains(entry.id)) {
      remove(entry.name, "it was abandoned");
    }
  }
  for (auto entry = std::next(newest); entry != candidates.end(); ++entry) {
    if ((*entry)->manifest && !(*entry)->manifest->health.good()) remove((*entry)->name, "it is unhealthy");
  }
  std::int64_t kept = 0;
  for (const CatalogueEntry* entry : candidates) {
    if (usable(*entry) && ++kept > keep) remove(entry->name, "newer ones are kept");
  }
}

}  // namespace

std::vector<std::string> retain_checkpoints(Storage& storage, const std::string& run_folder, std::int64_t keep,
                                            const std::function<void()>& check_owner) {
  ERGON_CHECK(keep >= 1, "retention of {} checkpoints", keep);
  std::vector<std::string> messages;
  try {
    retain(storage, run_folder, keep, check_owner, messages);
  } catch (const Error& error) {
    messages.push_back(fmt::format("retention stopped: {} ({})", error.problem(), error.where()));
  }
  return messages;
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
