// SPDX-License-Identifier: Apache-2.0
// Where an attempt's flight records lie. Declared here, implemented by the trainer over its storage; only watchdog threads call it.
#pragma once

#include <string>
#include <vector>

namespace ergon {

class FlightFolder {
 public:
  virtual ~FlightFolder() = default;
  virtual std::string path() const = 0;
  // Whole or not at all: a reader never sees a part. All three throw Error for what the disk refuses.
  virtual void write(const std::string& name, const std::string& text) = 0;
  virtual std::vector<std::string> names() = 0;
  virtual std::string read(const std::string& name) = 0;
};

}  // namespace ergon
