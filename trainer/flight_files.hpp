// SPDX-License-Identifier: Apache-2.0
// RUN/flight/attempt_0001: the flight records of an attempt, made when the first is written.
#pragma once

#include "parallel/watchdog.hpp"
#include "trainer/storage.hpp"

namespace ergon {

class FlightFiles final : public FlightFolder {
 public:
  FlightFiles(Storage& storage, const std::string& run_folder, std::int64_t attempt);  // storage outlives this

  std::string path() const override { return path_; }
  void write(const std::string& name, const std::string& text) override;
  std::vector<std::string> names() override;
  std::string read(const std::string& name) override;

 private:
  Storage& storage_;
  std::string path_;
};

// While this lives, a watchdog (null: there is none) writes to the folder of an attempt.
class FlightFilesScope {
 public:
  FlightFilesScope(Watchdog* watchdog, Storage& storage, const std::string& run_folder, std::int64_t attempt) : watchdog_(watchdog) {
    if (watchdog_ != nullptr) watchdog_->write_to(std::make_shared<FlightFiles>(storage, run_folder, attempt));
  }
  FlightFilesScope(const FlightFilesScope&) = delete;
  FlightFilesScope& operator=(const FlightFilesScope&) = delete;
  ~FlightFilesScope() {
    if (watchdog_ != nullptr) watchdog_->write_to(nullptr);
  }

 private:
  Watchdog* watchdog_;
};

}  // namespace ergon
