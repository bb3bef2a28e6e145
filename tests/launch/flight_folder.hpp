// SPDX-License-Identifier: Apache-2.0
// A run folder with the records that ranks 0 and 1 of tp {0, 1, 2} left: rank 2 was killed in the forward of step 6, rank 0 waits there for
// it, rank 1 had begun another operation.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "parallel/flight_format.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

class FlightRun {
 public:
  // Whether rank 1 waits in the same operation as rank 0, or in one that is not.
  enum class Rest { agrees, differs };

  FlightRun& attempt(int number, Rest rest = Rest::agrees) {
    for (int rank = 0; rank < 2; ++rank) {
      FlightRecord record(rank);
      const int tp = record.add_group("tp", {0, 1, 2});
      record.enter(FlightPhase::step, 6);
      record.enter(FlightPart::forward);
      record.close(record.open(tp, Collective::all_reduce, at::kDouble, 64, -1, std::array<std::int64_t, 2>{4, 16}));
      const Collective next = rank == 1 && rest == Rest::differs ? Collective::all_gather : Collective::all_reduce;
      record.waited_for(record.open(tp, next, at::kDouble, 64, -1, std::array<std::int64_t, 2>{4, 16}));
      write(number, flight_file_name(rank), format_flight(record, R"({"finder": 0, "message": "rank 0: rank 2 is missing"})"));
    }
    return *this;
  }
  FlightRun& write(int number, const std::string& file, const std::string& text) {
    std::filesystem::create_directories(folder_ / fmt::format("flight/attempt_{:04}", number));
    write_file(folder_ / fmt::format("flight/attempt_{:04}/{}", number, file), text);
    return *this;
  }
  std::string path() const { return folder_.path(); }
  std::string file(int number, const std::string& name) const { return folder_ / fmt::format("flight/attempt_{:04}/{}", number, name); }

 private:
  TemporaryFolder folder_;
};

}  // namespace ergon::test
