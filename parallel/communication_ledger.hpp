// SPDX-License-Identifier: Apache-2.0
// Adds up what the communicators report, by (group, operation): calls, bytes, seconds, and the seconds nobody could hide. Cheap enough to
// be always on: a short list under a lock.
//
// Bytes are this rank's shares (see CommunicationEvent); only the sum over ranks is the traffic of a group. Seconds are summed over
// operations and, in sum_over_ranks, over ranks: divide by `ranks` for the time of one.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

struct CommunicationTotal {
  std::string group;
  Collective operation;
  std::int64_t calls = 0;
  Bytes bytes = {0};
  Seconds seconds = {0}, exposed = {0};
  int ranks = 1;  // that took part in this sum
};

class CommunicationLedger final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override;  // from any thread
  std::vector<CommunicationTotal> totals() const;            // ordered by group, then operation
  Seconds exposed() const;                                   // of all totals
  void reset();

 private:
  mutable std::mutex mutex_;
  std::vector<CommunicationTotal> totals_;
};

// Collective over `group`, whose ranks may have seen different groups and operations; every rank gets the same result. The exchange itself
// is observed by whoever observes `group`.
std::vector<CommunicationTotal> sum_over_ranks(const std::vector<CommunicationTotal>& totals, Communicator& group);

}  // namespace ergon
