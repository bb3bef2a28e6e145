// SPDX-License-Identifier: Apache-2.0
#include "parallel/watchdog_mail.hpp"

#include <fmt/format.h>

#include <deque>
#include <mutex>
#include <set>

#include "configs/clock.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

struct PostOffice {
  explicit PostOffice(int ranks) : boxes(static_cast<std::size_t>(ranks)) {}
  std::mutex mutex;
  std::vector<std::deque<Mail>> boxes;
};

class LocalMail final : public WatchdogMail {
 public:
  LocalMail(std::shared_ptr<PostOffice> office, int rank) : office_(std::move(office)), rank_(rank) {}

  void send(const std::vector<int>& to, const std::string& text) override {
    const std::lock_guard lock(office_->mutex);
    for (int rank : to) office_->boxes[static_cast<std::size_t>(rank)].push_back({rank_, text});
  }

  std::optional<Mail> receive() override {
    const std::lock_guard lock(office_->mutex);
    std::deque<Mail>& box = office_->boxes[static_cast<std::size_t>(rank_)];
    if (box.empty()) return std::nullopt;
    Mail mail = std::move(box.front());
    box.pop_front();
    return mail;
  }

 private:
  std::shared_ptr<PostOffice> office_;
  int rank_;
};

// mail_00003_0002.json: the second letter of rank 3.
class FolderMail final : public WatchdogMail {
 public:
  FolderMail(std::shared_ptr<FlightFolder> folder, int rank) : folder_(std::move(folder)), rank_(rank) {}

  void send(const std::vector<int>&, const std::string& text) override {
    folder_->write(fmt::format("mail_{:05}_{:04}.json", rank_, ++sent_), text);
  }

  std::optional<Mail> receive() override {
    if (waiting_.empty()) look();
    if (waiting_.empty()) return std::nullopt;
    Mail mail = std::move(waiting_.front());
    waiting_.pop_front();
    return mail;
  }

 private:
  void look() {
    const Clock::time_point now = Clock::now();
    if (now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds(500);
    for (const std::string& name : folder_->names()) {
      int from = 0;
      if (std::sscanf(name.c_str(), "mail_%5d_", &from) != 1 || !name.ends_with(".json")) continue;
      if (seen_.insert(name).second && from != rank_) waiting_.push_back({from, folder_->read(name)});
    }
  }

  std::shared_ptr<FlightFolder> folder_;
  int rank_, sent_ = 0;
  std::set<std::string> seen_;
  std::deque<Mail> waiting_;
  Clock::time_point next_look_ = {};
};

}  // namespace

std::vector<std::unique_ptr<WatchdogMail>> make_local_mail(int ranks) {
  const auto office = std::make_shared<PostOffice>(ranks);
  std::vector<std::unique_ptr<WatchdogMail>> mail;
  for (int rank = 0; rank < ranks; ++rank) mail.push_back(std::make_unique<LocalMail>(office, rank));
  return mail;
}

std::unique_ptr<WatchdogMail> make_folder_mail(std::shared_ptr<FlightFolder> folder, int rank) {
  return std::make_unique<FolderMail>(std::move(folder), rank);
}

}  // namespace ergon
