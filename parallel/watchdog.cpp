// SPDX-License-Identifier: Apache-2.0
#include "parallel/watchdog.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "configs/clock.hpp"
#include "parallel/awake_clock.hpp"
#include "parallel/deadline.hpp"
#include "parallel/error_json.hpp"
#include "parallel/flight_format.hpp"
#include "parallel/stop_patience.hpp"
#include "parallel/verdict.hpp"

namespace ergon {
namespace {

using Json = nlohmann::json;

constexpr Seconds tick = {0.02}, pause = {0.005}, process_tick = {0.1};
constexpr Seconds sure = {0.1};            // an operation that has waited for so long is worth a question after a stop
constexpr Seconds probe = {0.5};           // how long a question after a stop, or after a death, may take: the launcher kills soon
constexpr std::size_t longest_chain = 64;  // of ranks that wait for ranks that wait

void sleep(Seconds time) { std::this_thread::sleep_for(clock_ticks(time)); }

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

class Watchdog::Loop {
 public:
  Loop(std::shared_ptr<FlightRecord> record, int ranks, std::unique_ptr<WatchdogMail> mail, WatchdogLimits limits, WatchdogHooks hooks)
      : record_(std::move(record)), ranks_(ranks), mail_(std::move(mail)), limits_(limits), hooks_(std::move(hooks)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }

  void fail(const Error& why) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = why;
    }
    thread_.join();
  }

  void set_limits(WatchdogLimits limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
  }
  void write_to(std::shared_ptr<FlightFolder> folder) {
    const std::lock_guard lock(mutex_);
    folder_ = std::move(folder);
    folder_mail_ =
        folder_ && static_cast<std::size_t>(ranks_) > limits_.largest_group ? make_folder_mail(folder_, record_->rank()) : nullptr;
  }
  void on_abort(std::function<void()> abort) {
    const std::lock_guard lock(mutex_);
    abort_ = std::move(abort);
  }

 private:
  struct Told {
    int from;
    Error why;
    std::set<int> absent;
    bool verdict;  // else that rank cannot go on, and has said so itself
  };

  void run() {
    block_signals();
    std::optional<Verdict> verdict;
    try {
      std::optional<Error> failure;
      while (!over_ && !told_ && !verdict && !failure) {
        sleep(tick);
        awake_.tick();
        serve();
        failure = read(failure_);
        if (!told_ && !failure) failure = overslept();
        if (!told_ && !failure) verdict = look();
      }
      if (told_ || verdict || failure) finish(verdict, failure);
    } catch (const std::exception& error) {
      const Error why(fmt::format("the watchdog failed: {}", error.what()), fmt::format("rank {}", record_->rank()),
                      "please report this line and the command", ExitCode::stuck);
      hooks_.say(why);
      hooks_.end(why);
    }
  }

  template <class T>
  T read(const T& member) {  // one that other threads set
    const std::lock_guard lock(mutex_);
    return member;
  }

  std::vector<int> gone_neighbours() const {
    std::vector<int> gone = hooks_.process ? hooks_.neighbours : std::vector<int>();
    std::erase_if(gone, [&](int rank) { return hooks_.process(rank) != ProcessState::gone; });
    return gone;
  }

  // Who wakes up and finds others gone was missing itself: they have told so and ended. Their letter comes within a moment, if it does.
  std::optional<Error> overslept() {
    const std::optional<Seconds> stop = awake_.take_stop();
    if (!stop) return {};
    const std::vector<int> gone = gone_neighbours();
    if (gone.empty()) return {};
    const Clock::time_point start = Clock::now();
    for (; !told_ && since(start) < sure; sleep(pause)) serve();
    if (told_) return {};
    const Error why = overslept_error(record_->rank(), *stop, gone);
    hooks_.say(why);
    return why;
  }

  // A verdict when there is a hit.
  std::optional<Verdict> look() {
    const FlightRecord::Position here = record_->position();
    const std::uint64_t id = here.waits ? here.waits->id : 0;
    if (id != watched_.id || here.phase != watched_.phase || here.step != watched_.step)
      watched_ = {id, here.phase, here.step, awake_.now()};
    patience_.see(here.phase, here.step, awake_.now());
    if (auto verdict = look_for_dead(here)) return verdict;
    if (!here.waits) return {};
    const Seconds waited = awake_.now() - watched_.since;
    const WatchdogLimits limits = read(limits_);
    const bool steps = here.phase == FlightPhase::step || here.phase == FlightPhase::evaluation;
    const Seconds longest = here.phase == FlightPhase::start ? limits.start : steps ? limits.step : limits.checkpoint;
    if (waited > longest) return inquire(*here.waits, limits.collect, /*only_dead=*/false);
    if (!hooks_.stop_asked || !hooks_.stop_asked() || waited < sure || awake_.now() - last_probe_ < probe) return {};
    last_probe_ = awake_.now();
    return inquire(*here.waits, probe, /*only_dead=*/!steps || waited < patience_.limit(limits.stop, limits.step));
  }

  // A process that is gone will never come; a moment is given to the operation that shows what it is missed from.
  std::optional<Verdict> look_for_dead(const FlightRecord::Position& here) {
    if (!hooks_.process || awake_.now() - last_process_look_ < process_tick) return {};
    last_process_look_ = awake_.now();
    std::vector<MissingRank> gone;
    for (int rank : gone_neighbours())
      gone.push_back({rank, MissingRank::Why::gone, "its process is gone: killed, crashed, or out of memory"});
    if (gone.empty()) {
      gone_since_.reset();
      return {};
    }
    if (!gone_since_) gone_since_ = awake_.now();
    if (here.waits)
      if (auto verdict = inquire(*here.waits, probe, /*only_dead=*/true)) return verdict;
    if (awake_.now() - *gone_since_ < probe) return {};
    std::optional<AwaitedOperation> last;
    if (here.waits) last = describe(*record_, *here.waits);
    return Verdict{record_->rank(), last, awake_.now() - watched_.since, gone};
  }

  // Asks who is missing from the operation, and from what keeps those who are late. Nothing when the operation ends meanwhile, or when
  // somebody else tells. only_dead: being late is no fault.
  std::optional<Verdict> inquire(const FlightEntry& entry, Seconds patience, bool only_dead) {
    AwaitedOperation operation = describe(*record_, entry);
    const Seconds waited = awake_.now() - watched_.since;
    for (std::vector<AwaitedOperation> seen;;) {
      const Answers answers = ask(operation, patience, entry.id);
      if (over_ || told_ || !record_->under_way(entry.id)) return {};
      Judgement judgement = judge(operation, answers.statuses, answers.processes);
      const bool circle =
          judgement.next && (*judgement.next == operation || std::find(seen.begin(), seen.end(), *judgement.next) != seen.end());
      if (judgement.next && !circle && seen.size() < longest_chain) {
        seen.push_back(std::exchange(operation, *judgement.next));
        continue;
      }
      if (only_dead) std::erase_if(judgement.missing, [&](const MissingRank& missing) { return !certainly_dead(missing); });
      if (only_dead && judgement.missing.empty()) return {};
      return Verdict{record_->rank(), operation, waited, judgement.missing, circle};
    }
  }

  // Silence of a process that this machine knows to run may only be a busy processor.
  bool certainly_dead(const MissingRank& missing) const {
    if (missing.why == MissingRank::Why::gone || missing.why == MissingRank::Why::stopped) return true;
    const bool near = std::find(hooks_.neighbours.begin(), hooks_.neighbours.end(), missing.rank) != hooks_.neighbours.end();
    return missing.why == MissingRank::Why::silent && !near;
  }

  struct Answers {
    std::map<int, RankStatus> statuses;
    std::map<int, ProcessState> processes;
  };

  Answers ask(const AwaitedOperation& operation, Seconds patience, std::uint64_t id) {
    std::vector<int> others = operation.awaited();
    Answers result;
    if (std::erase(others, record_->rank()) > 0) result.statuses[record_->rank()] = status_of(*record_);
    answers_.clear();
    send(others, Json{{"kind", "question"}, {"number", ++question_}, {"operation", Json::parse(to_text(operation))}});
    const auto unheard = [&] {
      return std::any_of(others.begin(), others.end(), [&](int rank) {
        return !answers_.contains(rank) && result.processes[rank] != ProcessState::gone && result.processes[rank] != ProcessState::stopped;
      });
    };
    const Clock::time_point start = Clock::now();
    do {
      for (int rank : others)
        if (std::find(hooks_.neighbours.begin(), hooks_.neighbours.end(), rank) != hooks_.neighbours.end() && hooks_.process)
          result.processes[rank] = hooks_.process(rank);
      sleep(pause);
      awake_.tick();
      serve();
    } while (!over_ && !told_ && record_->under_way(id) && unheard() && since(start) < patience);
    result.statuses.insert(answers_.begin(), answers_.end());
    return result;
  }

  void send(const std::vector<int>& to, const Json& letter) {
    const std::lock_guard lock(mutex_);
    WatchdogMail& mail = to.size() + 1 > limits_.largest_group && folder_mail_ ? *folder_mail_ : *mail_;
    mail.send(to, letter.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  void send_all(const Json& letter) {
    std::vector<int> all;
    for (int rank = 0; rank < ranks_; ++rank)
      if (rank != record_->rank()) all.push_back(rank);
    send(all, letter);
  }

  void serve() {
    while (auto letter = receive(false)) open(*letter, false);
    while (auto letter = receive(true)) open(*letter, true);
    if (owes_answer_ && (!last_answer_ || since(*last_answer_) > probe)) answer_all();
  }
  std::optional<Mail> receive(bool by_folder) {
    const std::lock_guard lock(mutex_);
    if (by_folder) return folder_mail_ ? folder_mail_->receive() : std::nullopt;
    return mail_->receive();
  }

  void open(const Mail& mail, bool by_folder) {
    const Json letter = Json::parse(mail.text);
    const std::string kind = letter.at("kind");
    if (kind == "question") {
      if (by_folder)
        owes_answer_ = true;
      else
        send({mail.from}, answer(letter.at("number")));
    } else if (kind == "status") {
      if (by_folder || letter.at("number") == question_) answers_[mail.from] = status_from_text(letter.at("status").dump());
    } else if (kind == "end") {
      if (!told_)
        told_.emplace(Told{mail.from, error_from(letter.at("error")), letter.at("absent").get<std::set<int>>(), letter.at("verdict")});
    } else {
      written_.insert(mail.from);
    }
  }

  Json answer(std::uint64_t number) {
    return {{"kind", "status"}, {"number", number}, {"status", Json::parse(to_text(status_of(*record_)))}};
  }
  // A file answers everybody who has asked by then, so one in a while is enough.
  void answer_all() {
    owes_answer_ = false;
    last_answer_ = Clock::now();
    send_all(answer(0));
  }

  std::string folder_path() {
    const std::lock_guard lock(mutex_);
    return folder_ ? folder_->path() : "";
  }

  void write(const std::string& name, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (!folder_) return;
    try {
      folder_->write(name, text);
    } catch (const std::exception& error) {
      hooks_.say(Error(fmt::format("the flight record was not written: {}", error.what()), fmt::format("rank {}", record_->rank()), ""));
    }
  }

  // Ranks that find the same at the same time speak in turn, so that the first one spares the others.
  void take_turns() {
    const Clock::time_point start = Clock::now();
    const Seconds turn = {std::min(0.01 * record_->rank(), 0.2)};
    while (!told_ && since(start) < turn) {
      serve();
      sleep(pause);
    }
  }

  // Which operation was due first. Asked until all wait for something, which they soon do, or for a moment.
  Verdict locate(const Verdict& verdict) {
    std::vector<int> others;
    for (int rank = 0; rank < ranks_; ++rank)
      if (rank != record_->rank() && !verdict.absent().contains(rank)) others.push_back(rank);
    if (others.size() >= limits_.largest_group) return verdict;
    const auto all_wait = [&] {
      return answers_.size() == others.size() &&
             std::all_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.second.waits; });
    };
    const Clock::time_point start = Clock::now();
    answers_.clear();
    for (bool ask = true; !over_ && !told_ && !all_wait() && since(start) < probe; ask = answers_.size() == others.size()) {
      if (ask) answers_.clear();
      if (ask) send(others, Json{{"kind", "question"}, {"number", ++question_}});
      sleep(pause);
      serve();
    }
    answers_[record_->rank()] = status_of(*record_);
    return at_first_absence(verdict, answers_);
  }

  // Of a verdict, of a failure of this rank, or of what another rank told.
  void finish(std::optional<Verdict> verdict, const std::optional<Error>& failure) {
    if (verdict) verdict = locate(*verdict);
    if (verdict) take_turns();
    const bool first = !told_, finds = first && verdict;
    const Error why = told_ ? told_->why : verdict ? to_error(*verdict, folder_path()) : *failure;
    const Deadline deadline(limits_.abort, [&] { hooks_.end(why); });
    std::set<int> absent = told_ ? told_->absent : verdict ? verdict->absent() : std::set<int>();

    if (finds) hooks_.say(why);
    if (told_ && told_->verdict) hooks_.say(told_error(why, told_->from, *record_));
    if (first) send_all({{"kind", "end"}, {"error", json_of(why)}, {"absent", absent}, {"verdict", finds}});
    const int finder = told_ ? told_->from : record_->rank();
    const std::string text = verdict ? to_text(*verdict, why) : Json{{"finder", finder}, {"message", why.what()}}.dump();
    write(flight_file_name(record_->rank()), format_flight(*record_, text));
    if (finds) write(verdict_file_name(record_->rank()), text + "\n");
    send_all({{"kind", "written"}});
    const Clock::time_point start = Clock::now();
    while (since(start) < limits_.gather && written_.size() + absent.size() + 1 < static_cast<std::size_t>(ranks_)) {
      serve();
      for (int rank : gone_neighbours())
        if (!written_.contains(rank)) absent.insert(rank);
      sleep(pause);
    }
    // Last, because a compute thread that comes free may end the job while others still write.
    if (const std::function<void()> abort = read(abort_)) run_within(limits_.gather, abort);
    hooks_.end(why);
  }

  const std::shared_ptr<FlightRecord> record_;
  const int ranks_;
  std::mutex mutex_;  // what other threads set
  std::unique_ptr<WatchdogMail> mail_, folder_mail_;
  std::shared_ptr<FlightFolder> folder_;
  WatchdogLimits limits_;
  std::function<void()> abort_;
  std::optional<Error> failure_;
  const WatchdogHooks hooks_;

  // Of the thread.
  struct Watched {
    std::uint64_t id = 0;
    FlightPhase phase = FlightPhase::start;
    std::int64_t step = 0;
    Seconds since = {0};
  } watched_;
  AwakeClock awake_;
  StopPatience patience_;
  Seconds last_probe_ = {-1}, last_process_look_ = {-1};
  std::optional<Seconds> gone_since_;
  std::optional<Clock::time_point> last_answer_;
  bool owes_answer_ = false;
  std::uint64_t question_ = 0;
  std::map<int, RankStatus> answers_;
  std::set<int> written_;
  std::optional<Told> told_;

  std::atomic<bool> over_ = false;
  std::thread thread_;
};

Watchdog::Watchdog(std::shared_ptr<FlightRecord> record, int ranks, std::unique_ptr<WatchdogMail> mail, WatchdogLimits limits,
                   WatchdogHooks hooks)
    : record_(record), loop_(std::make_unique<Loop>(std::move(record), ranks, std::move(mail), limits, std::move(hooks))) {}

Watchdog::~Watchdog() = default;

void Watchdog::set_limits(WatchdogLimits limits) { loop_->set_limits(limits); }
void Watchdog::write_to(std::shared_ptr<FlightFolder> folder) { loop_->write_to(std::move(folder)); }
void Watchdog::fail(const Error& why) { loop_->fail(why); }
void Watchdog::on_abort(std::function<void()> abort) { loop_->on_abort(std::move(abort)); }

}  // namespace ergon
