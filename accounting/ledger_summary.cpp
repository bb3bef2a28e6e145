// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger_summary.hpp"

#include <algorithm>
#include <map>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Lineage = std::vector<const Interval*>;

// Walks the lines in order and keeps, for every attempt, the intervals that lead to where it stands.
class Walk {
 public:
  explicit Walk(const std::string& source) : source_(source) {}

  void book(const AttemptStart& start) {
    if (lineages_.contains(start.attempt)) refuse(fmt::format("attempt {} starts twice", start.attempt));
    Lineage lineage;
    if (start.parent != 0) {
      lineage = of(start.parent);
      cut(lineage, start.resumed_step);
    }
    if (tip(lineage) != start.resumed_step) {
      refuse(fmt::format("attempt {} resumes step {} of attempt {}, where no interval of that attempt's lineage ends", start.attempt,
                         start.resumed_step, start.parent));
    }
    lineages_[start.attempt] = std::move(lineage);
    last_ = start.attempt;
    AttemptSummary attempt;
    attempt.start = start;
    attempt.last_step = start.resumed_step;
    summary_.attempts.push_back(std::move(attempt));
    summary_.torn_lines += start.torn_lines;
  }

  void book(const Interval& interval) {
    Lineage& lineage = of(interval.attempt);
    if (interval.to_step < interval.from_step || interval.from_step != tip(lineage)) {
      refuse(fmt::format("attempt {} stands at step {}, its next interval is {} to {}", interval.attempt, tip(lineage), interval.from_step,
                         interval.to_step));
    }
    lineage.push_back(&interval);
    summary_.spent += interval;
    AttemptSummary& attempt = attempt_of(interval.attempt);
    attempt.spent += interval;
    attempt.last_step = std::max(attempt.last_step, interval.to_step);
    stamp(attempt, interval);
    if (interval.skew)
      summary_.skews.push_back({interval.attempt, interval.to_step - interval.skew->steps, interval.to_step, *interval.skew});
    book_communication(interval, attempt.start);
  }

  void book(const Abandon& abandon) {
    Lineage& lineage = of(abandon.attempt);
    cut(lineage, abandon.from_step);
    if (tip(lineage) != abandon.from_step) {
      refuse(fmt::format("attempt {} is abandoned from step {}, where none of its intervals ends", abandon.attempt, abandon.from_step));
    }
    attempt_of(abandon.attempt).returned = true;
  }

  // `all`: every interval of the ledger.
  LedgerSummary finish(const Lineage& all) {
    const Lineage& kept = last_ == 0 ? nobody_ : lineages_.at(last_);
    for (const Interval* interval : kept) {
      AttemptSummary& attempt = attempt_of(interval->attempt);
      if (attempt.kept_from == attempt.kept_to) attempt.kept_from = interval->from_step;
      attempt.kept_to = interval->to_step;
      attempt.kept += interval->seconds;
    }
    Lineage in_order = kept;
    std::sort(in_order.begin(), in_order.end());
    for (const Interval* interval : all) {
      const bool is_kept = std::binary_search(in_order.begin(), in_order.end(), interval);
      (is_kept ? summary_.kept : summary_.lost) += *interval;
    }
    return std::move(summary_);
  }

 private:
  static void stamp(AttemptSummary& attempt, const Interval& interval) {
    if (interval.closed.value == 0) {
      attempt.after += interval.seconds.total();
      return;
    }
    attempt.closed = interval.closed;
    attempt.after = {};
  }

  void book_communication(const Interval& interval, const AttemptStart& start) {
    summary_.communication = merge(std::move(summary_.communication), interval.communication);
    if (interval.predicted) add(summary_.predicted, *interval.predicted);
    if (!interval.predicted && !interval.communication.empty()) summary_.predicted_in_part = true;
    if (interval.communication.empty() && start.world_size > 1) summary_.uncounted_steps += interval.to_step - interval.from_step;
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(what, source_, "the ledger was edited or lines of it are missing: put back a copy of it", ExitCode::data);
  }

  Lineage& of(std::int64_t attempt) {
    const auto found = lineages_.find(attempt);
    if (found == lineages_.end()) refuse(fmt::format("attempt {} has no start in the ledger", attempt));
    return found->second;
  }

  AttemptSummary& attempt_of(std::int64_t number) {
    for (AttemptSummary& attempt : summary_.attempts) {
      if (attempt.start.attempt == number) return attempt;
    }
    refuse(fmt::format("attempt {} has no start in the ledger", number));
  }

  static std::int64_t tip(const Lineage& lineage) { return lineage.empty() ? 0 : lineage.back()->to_step; }

  static void cut(Lineage& lineage, std::int64_t step) {
    while (!lineage.empty() && lineage.back()->to_step > step) lineage.pop_back();
  }

  const std::string& source_;
  LedgerSummary summary_;
  std::map<std::int64_t, Lineage> lineages_;
  const Lineage nobody_;
  std::int64_t last_ = 0;  // attempt
};

}  // namespace

Tally& Tally::operator+=(const Interval& interval) {
  steps += interval.to_step - interval.from_step;
  tokens += interval.tokens;
  valid_tokens += interval.valid_tokens;
  training += interval.training;
  evaluation += interval.evaluation;
  seconds += interval.seconds;
  return *this;
}

LedgerSummary summarise(const Ledger& ledger, const std::string& source) {
  Walk walk(source);
  Lineage all;
  for (const LedgerLine& line : ledger.lines) {
    std::visit([&](const auto& value) { walk.book(value); }, line);
    if (const auto* interval = std::get_if<Interval>(&line)) all.push_back(interval);
  }
  LedgerSummary summary = walk.finish(all);
  summary.torn_lines += ledger.torn ? 1 : 0;
  return summary;
}

std::optional<double> goodput(const LedgerSummary& summary, const std::string& id) {
  const auto spent = summary.spent.training.model.find(id);
  if (spent == summary.spent.training.model.end() || spent->second.value == 0) return std::nullopt;
  const auto kept = summary.kept.training.model.find(id);
  return kept == summary.kept.training.model.end() ? 0.0 : to_double(kept->second) / to_double(spent->second);
}

}  // namespace ergon
