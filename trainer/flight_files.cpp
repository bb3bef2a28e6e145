// SPDX-License-Identifier: Apache-2.0
#include "trainer/flight_files.hpp"

#include <fmt/format.h>

namespace ergon {

FlightFiles::FlightFiles(Storage& storage, const std::string& run_folder, std::int64_t attempt)
    : storage_(storage), path_(fmt::format("{}/flight/attempt_{:04}", run_folder, attempt)) {}

void FlightFiles::write(const std::string& name, const std::string& text) {
  storage_.make_directories(path_);
  storage_.write_text(path_ + "/" + name, text);
}

std::vector<std::string> FlightFiles::names() { return storage_.exists(path_) ? storage_.list(path_) : std::vector<std::string>(); }

std::string FlightFiles::read(const std::string& name) { return storage_.read_text(storage_.open_read_inside(path_, name)); }

}  // namespace ergon
