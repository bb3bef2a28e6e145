// SPDX-License-Identifier: Apache-2.0
// How watchdogs talk: short texts between ranks, apart from every communicator of the training. Nothing here waits for a receiver, because
// the receiver may be dead. Used by the watchdog's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parallel/flight_folder.hpp"

namespace ergon {

struct Mail {
  int from = 0;  // world rank
  std::string text;
};

class WatchdogMail {
 public:
  virtual ~WatchdogMail() = default;
  virtual void send(const std::vector<int>& to, const std::string& text) = 0;  // world ranks
  virtual std::optional<Mail> receive() = 0;                                   // empty: nothing has come
};

// Ranks as threads of one process: one for each rank.
std::vector<std::unique_ptr<WatchdogMail>> make_local_mail(int ranks);

// For groups so large that a message to each member costs too much: a letter is one file that everybody reads, whoever it is for. The
// folder is listed at most twice a second.
std::unique_ptr<WatchdogMail> make_folder_mail(std::shared_ptr<FlightFolder> folder, int rank);

// Messages on a copy of MPI_COMM_WORLD. Collective. A letter to a rank that is dead is lost.
std::unique_ptr<WatchdogMail> make_mpi_mail();

}  // namespace ergon
