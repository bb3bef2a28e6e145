// SPDX-License-Identifier: Apache-2.0
// The mail of watchdogs over MPI.
#include <list>

#include "parallel/mpi.hpp"
#include "parallel/watchdog_mail.hpp"

namespace ergon {
namespace {

constexpr int letter_tag = 0;

class MpiMail final : public WatchdogMail {
 public:
  MpiMail() : comm_(MpiComm::copy(MPI_COMM_WORLD, "watchdog")) {}

  // MPI may still read what no dead rank has taken.
  ~MpiMail() override {
    sweep();
    for (auto* letters : {&outgoing_, &incoming_})
      if (!letters->empty()) static_cast<void>(new std::list<Letter>(std::move(*letters)));
  }

  void send(const std::vector<int>& to, const std::string& text) override {
    for (int rank : to) {
      Letter& letter = outgoing_.emplace_back(Letter{rank, text, MPI_REQUEST_NULL});
      const int code =
          MPI_Isend(letter.text.data(), static_cast<int>(letter.text.size()), MPI_CHAR, rank, letter_tag, comm_.get(), &letter.request);
      if (code != MPI_SUCCESS) outgoing_.pop_back();
    }
  }

  std::optional<Mail> receive() override {
    sweep();
    int present = 0;
    MPI_Status status;
    while (MPI_Iprobe(MPI_ANY_SOURCE, letter_tag, comm_.get(), &present, &status) == MPI_SUCCESS && present != 0) {
      int length = 0;
      MPI_Get_count(&status, MPI_CHAR, &length);
      Letter& letter =
          incoming_.emplace_back(Letter{status.MPI_SOURCE, std::string(static_cast<std::size_t>(length), ' '), MPI_REQUEST_NULL});
      MPI_Irecv(letter.text.data(), length, MPI_CHAR, letter.rank, letter_tag, comm_.get(), &letter.request);
    }
    for (auto letter = incoming_.begin(); letter != incoming_.end(); ++letter) {
      int arrived = 0;
      if (MPI_Test(&letter->request, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS || arrived == 0) continue;
      Mail mail{letter->rank, std::move(letter->text)};
      incoming_.erase(letter);
      return mail;
    }
    return std::nullopt;
  }

 private:
  struct Letter {
    int rank;
    std::string text;
    MPI_Request request;
  };

  void sweep() {
    outgoing_.remove_if([](Letter& letter) {
      int taken = 0;
      return MPI_Test(&letter.request, &taken, MPI_STATUS_IGNORE) != MPI_SUCCESS || taken != 0;
    });
  }

  MpiComm comm_;
  std::list<Letter> outgoing_, incoming_;
};

}  // namespace

std::unique_ptr<WatchdogMail> make_mpi_mail() { return std::make_unique<MpiMail>(); }

}  // namespace ergon
