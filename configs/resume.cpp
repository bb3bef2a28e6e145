// SPDX-License-Identifier: Apache-2.0
#include "configs/resume.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "configs/key_hint.hpp"
#include "configs/problems.hpp"

namespace ergon {
namespace {

bool schedule_ignores_steps(const OptimizerSection& optimizer) {
  if (optimizer.schedule == LrSchedule::constant) return true;
  return optimizer.schedule != LrSchedule::wsd && optimizer.decay_steps > 0;
}

}  // namespace

std::vector<Change> changes(const RunConfig& stored, const RunConfig& now) {
  std::vector<Change> found;
  for (const Key& key : key_table()) {
    std::string before = key.print(stored), after = key.print(now);
    if (before == after) continue;
    bool grows = key.name == "train.steps" && now.train.steps > stored.train.steps && schedule_ignores_steps(stored.optimizer) &&
                 schedule_ignores_steps(now.optimizer);
    found.push_back({key.name, before, after, grows ? OnResume::free : key.on_resume});
  }
  return found;
}

bool keeps_bits(const Change& change, const RunConfig& stored, const RunConfig& now) {
  constexpr std::string_view ordered[] = {"mesh.dp", "mesh.order", "mesh.zero", "mesh.bucket"};
  return stored.run.deterministic && now.run.deterministic &&
         std::find(std::begin(ordered), std::end(ordered), change.key) != std::end(ordered);
}

void require_known(const std::vector<std::string>& allowed) {
  Problems unknown;
  for (const std::string& key : allowed)
    if (!find_key(key)) unknown.add(fmt::format("--allow-change names the unknown key '{}'", key), "", key_hint(key));
  unknown.throw_if_any("--allow-change");
}

std::vector<Change> check_resume(const RunConfig& stored, const RunConfig& now, const std::vector<std::string>& allowed) {
  require_known(allowed);
  Problems fixed, unasked;
  std::vector<Change> record;
  for (const Change& change : changes(stored, now)) {
    std::string what = fmt::format("{} is {}, but the run in this folder was started with {}", change.key, change.after, change.before);
    bool is_allowed = std::find(allowed.begin(), allowed.end(), change.key) != allowed.end();
    if (change.on_resume == OnResume::fixed) fixed.add(what, "", "put it back, or start another run: another run.folder, or --fresh");
    if (change.on_resume == OnResume::recorded && !is_allowed)
      unasked.add(what, "", fmt::format("put it back, or change it on purpose: --allow-change {}", change.key));
    if (change.on_resume == OnResume::layout || change.on_resume == OnResume::recorded) record.push_back(change);
  }
  fixed.throw_if_any("the run cannot be resumed with this line", ExitCode::data);
  unasked.throw_if_any("the run cannot be resumed with this line");
  return record;
}

}  // namespace ergon
