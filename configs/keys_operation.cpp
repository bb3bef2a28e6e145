// SPDX-License-Identifier: Apache-2.0
#include "configs/devices.hpp"
#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

Key peak_key() {
  auto at = field(&RunConfig::accounting, &AccountingSection::peak);
  auto set = [at](RunConfig& config, const Value& value) {
    std::string id = read_text(value);
    device_peak(id, DType::bfloat16);
    at(config) = id;
  };
  std::string ids = " |";
  for (const std::string& id : device_ids()) ids += (ids == " |" ? "" : "|") + id;
  return make_key({"accounting.peak", "", OnResume::free, "the device whose peak MFU is measured against; empty: peak unknown"}, "text",
                  ids.substr(2), set, [at](const RunConfig& config) { return print_texts({at(config)}); });
}

Key budget_key() {
  auto at = field(&RunConfig::accounting, &AccountingSection::budget);
  return make_key(
      {"accounting.budget", "FLOPs", OnResume::free, "stop, saved, when the run has spent so much (convention `exact`); 0: no budget"},
      "FLOPs", ">= 0", [at](RunConfig& config, const Value& value) { at(config) = read_flops(value); },
      [at](const RunConfig& config) { return print_texts({to_text(at(config))}); });
}

}  // namespace

std::vector<Key> keys_operation() {
  auto checkpoint = [](auto member) { return field(&RunConfig::checkpoint, member); };
  auto recovery = [](auto member) { return field(&RunConfig::recovery, member); };
  auto watchdog = [](auto member) { return field(&RunConfig::watchdog, member); };
  using enum OnResume;
  return {
      integer({"checkpoint.every", "steps", free, "0: only at the end and on signals; more often where nodes fail often"},
              checkpoint(&CheckpointSection::every), 0),
      integer({"checkpoint.keep", "checkpoints", free, "older ones are deleted, the last verified one never"},
              checkpoint(&CheckpointSection::keep), 1),
      integer({"checkpoint.keep_every", "steps", free, "those of every n-th step stay for ever, beside the newest; 0: none"},
              checkpoint(&CheckpointSection::keep_every), 0),
      boolean(
          {"checkpoint.keep_best", "", free, "the one of the lowest validation loss stays; only saves right after an evaluation have one"},
          checkpoint(&CheckpointSection::keep_best)),
      boolean({"checkpoint.asynchronous", "", free,
               "written beside the steps that follow, from a second copy in memory; false where memory is scarce"},
              checkpoint(&CheckpointSection::asynchronous)),
      integer({"recovery.returns", "times", free,
               "how often a loss that is not finite or leaps takes the run back to its last healthy checkpoint; 0: never"},
              recovery(&RecoverySection::returns), 0, 1 << 20),
      number({"recovery.spike", "standard deviations", free,
              "a loss so far above the mean of the window is a leap; 5 is seldom chance; 0: none is"},
             recovery(&RecoverySection::spike), not_negative),
      integer({"recovery.window", "steps", free, "losses that a leap is judged by; none is before there are so many"},
              recovery(&RecoverySection::window), 2, 1 << 20),
      seconds({"watchdog.start", "", free, "longest time until the first step is done"}, watchdog(&WatchdogSection::start)),
      seconds({"watchdog.step", "", free, "longest time of one step"}, watchdog(&WatchdogSection::step)),
      seconds({"watchdog.checkpoint", "", free, "longest time of one save"}, watchdog(&WatchdogSection::checkpoint)),
      seconds({"watchdog.abort", "", free, "longest time of an orderly end after a failure"}, watchdog(&WatchdogSection::abort)),
      peak_key(),
      budget_key(),
  };
}

}  // namespace ergon
