// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/watch_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "launch/progress.hpp"
#include "launch/runs/text_chart.hpp"

namespace ergon {
namespace {

using State = RunStatus::State;

// Where rows are few, those of the largest number go.
struct ScreenRow {
  int importance;
  std::string text;
};

bool has_ended(const WatchView& view) { return view.status.state == State::ended || view.status.state == State::broken; }

// Those that fit, in their order.
std::string joined(const std::vector<std::string>& fields, int columns) {
  std::string line;
  for (const std::string& field : fields) {
    const std::string more = line.empty() ? field : "  " + field;
    if (line.empty() || cells(line) + cells(more) <= columns) line += more;
  }
  return clipped(line, columns);
}

std::string title(const WatchView& view, int columns, Glyphs glyphs) {
  std::string state = view.status.state == State::empty ? "no attempt yet" : name(view.status.state);
  if (view.share_read < 1)
    state = fmt::format("reading events.jsonl: {:.0f} %", 100 * view.share_read);
  else if (view.status.attempt > 0 && !has_ended(view))
    state += fmt::format(", attempt {}", view.status.attempt);
  const int room = columns - cells(state) - 2;
  if (room < 4) return clipped(state, columns);
  return padded(clipped_front(printable(view.status.folder, glyphs), room), room) + "  " + state;
}

std::string progress_bar(const WatchView& view, int columns) {
  const RunStatus& status = view.status;
  if (status.steps <= 0) return fmt::format("step {}", status.step);
  const double share = std::clamp(static_cast<double>(status.step) / static_cast<double>(status.steps), 0.0, 1.0);
  const std::string steps = fmt::format("step {}/{}", status.step, status.steps), percent = fmt::format("{:.1f} %", 100 * share);
  const int room = columns - cells(steps) - cells(percent) - 2 * 2 - 2;  // two gaps, two brackets
  if (room < 8) return joined({steps, percent}, columns);
  const int done = static_cast<int>(std::lround(share * room));
  return fmt::format("[{}{}]  {}  {}", std::string(static_cast<std::size_t>(done), '#'),
                     std::string(static_cast<std::size_t>(room - done), '-'), percent, steps);
}

std::string losses(const WatchView& view, int columns) {
  std::vector<std::string> fields = {view.status.loss ? fmt::format("loss {:.4f}", *view.status.loss) : "no loss yet"};
  if (!view.validation.values.empty()) {
    fields.push_back(fmt::format("validation {:.4f} (step {})", view.validation.values.back(), view.validation.steps.back()));
    fields.push_back(fmt::format("lowest {:.4f}", range_of(view.validation.values).low));
  }
  return joined(fields, columns);
}

std::string speed(const WatchView& view, int columns) {
  const RunStatus& status = view.status;
  std::vector<std::string> fields;
  if (status.tokens_per_second > 0 && status.state == State::running) {
    fields.push_back(fmt::format("{} tokens/s", compact_number(status.tokens_per_second)));
    if (status.remaining) fields.push_back("ETA " + clock_time(*status.remaining));
    fields.push_back(fmt::format("data wait {:.1f} %", 100 * status.data_wait));
  }
  fields.push_back(fmt::format("{:.3g} pfs-days", view.spent.value));
  if (status.state == State::running && status.tokens_per_second > 0)
    fields.push_back(view.mfu ? fmt::format("MFU {:.1f} %", 100 * *view.mfu) : "peak unknown");
  return joined(fields, columns);
}

std::string end_of_run(const WatchView& view, int columns, Glyphs glyphs) {
  const RunStatus& status = view.status;
  const std::string reason = printable(status.reason, glyphs);
  return clipped(status.code ? fmt::format("ended with code {}: {}", *status.code, reason) : reason, columns);
}

// Of those that train. Where nobody says how many are of this machine, one that was gone before it was seen counts as elsewhere.
std::vector<std::string> unseen_ranks(const WatchView& view) {
  const auto seen = static_cast<std::int64_t>(view.processes.size());
  const std::int64_t here = std::clamp(view.started_here.value_or(seen), std::min(seen, view.ranks), view.ranks);
  std::vector<std::string> texts;
  if (here > seen) texts.push_back(fmt::format("{} not found here", here - seen));
  if (view.ranks > here) texts.push_back(fmt::format("{} elsewhere, not looked at", view.ranks - here));
  return texts;
}

// What a step tells of ranks that nobody looks at: it is written when all have met in it.
std::string together(const WatchView& view) {
  if (view.status.step <= view.from_step) return "on other machines, and no step of this attempt is done";
  std::string text = fmt::format("all met in step {}", view.status.step);
  if (view.quiet) text += ", " + clock_time(*view.quiet) + " ago";
  return text + ", on other machines";
}

std::string ranks(const WatchView& view, int columns) {
  if (view.ranks == 0) return clipped("ranks: no attempt has begun", columns);
  std::string text = fmt::format("ranks {}", view.ranks);
  if (!view.mesh.empty()) text += fmt::format(" ({})", view.mesh);
  if (view.status.state != State::running) return clipped(text + " in the newest attempt", columns);
  if (!view.ranks_visible) return clipped(text + ": " + together(view), columns);
  std::array<std::int64_t, 3> counts = {};
  for (const auto& [rank, process] : view.processes) ++counts[static_cast<std::size_t>(process.state)];
  std::vector<std::string> states;
  for (const auto state : {RankProcess::State::running, RankProcess::State::stopped, RankProcess::State::gone})
    if (const std::int64_t count = counts[static_cast<std::size_t>(state)]; count > 0)
      states.push_back(fmt::format("{} {}", count, name(state)));
  for (const std::string& unseen : unseen_ranks(view)) states.push_back(unseen);
  return clipped(text + ": " + fmt::format("{}", fmt::join(states, ", ")), columns);
}

std::string saves(const WatchView& view, int columns) {
  std::vector<std::string> fields = {fmt::format("saves {}", view.saves)};
  if (view.newest_save)
    fields.push_back(fmt::format("newest: step {} in {:.2f} s, blocked {:.2f} s", view.newest_save->step, view.newest_save->seconds.value,
                                 view.newest_save->blocked.value));
  if (view.failed_saves > 0) fields.push_back(fmt::format("{} FAILED", view.failed_saves));
  return joined(fields, columns);
}

std::string attempts(const WatchView& view, int columns) {
  const RunStatus& status = view.status;
  std::vector<std::string> fields = {fmt::format("attempt {} from step {}", status.attempt, view.from_step),
                                     fmt::format("{} restarts", std::max<std::int64_t>(0, status.attempt - 1))};
  if (status.stalled_starts > 1) fields.push_back(fmt::format("{} starts in a row saved no step", status.stalled_starts));
  if (!status.job.empty()) fields.push_back("job " + status.job);
  return joined(fields, columns);
}

std::string owner(const WatchView& view, int columns, Glyphs glyphs) {
  std::vector<std::string> fields;
  if (view.quiet) fields.push_back("last event " + clock_time(*view.quiet) + " ago");
  if (!view.status.owner.empty()) fields.push_back("rank 0: " + printable(view.status.owner, glyphs));
  return joined(fields, columns);
}

// Over the whole width, label or range at the left where there is room for it.
std::vector<std::string> chart_rows(const std::string& label, const Curve& curve, int columns, int rows, Glyphs glyphs) {
  const int margin = columns < 30 ? 0 : 11;
  const std::vector<double> means = column_means(curve.values, columns - margin);
  const ValueRange range = range_of(means);
  std::vector<std::string> lines = text_chart(means, rows, glyphs);
  for (std::size_t row = 0; margin > 0 && row < lines.size(); ++row) {
    std::string left;
    if (rows == 1)
      left = label;
    else if (row == 0)
      left = fmt::format("{:>10.4g}", range.high);
    else if (row + 1 == lines.size())
      left = fmt::format("{:>10.4g}", range.low);
    else if (row == 1)
      left = label;
    lines[row] = padded(left, margin) + lines[row];
  }
  return lines;
}

std::string rank_cell(std::int64_t rank, const RankProcess& process) {
  std::string cell = fmt::format("{:>5} {:<7}", rank, name(process.state));
  if (process.processors) cell += fmt::format(" {:>4.0f} %", 100 * *process.processors);
  if (process.resident.value > 0) cell += fmt::format(" {:>6.2f} GB", static_cast<double>(process.resident.value) / 1e9);
  return cell;
}

// Those first that do not run.
std::vector<std::string> rank_rows(const WatchView& view, int columns, int rows) {
  constexpr int width = 32;
  const int across = std::max(1, columns / width);
  std::vector<std::pair<std::int64_t, RankProcess>> shown(view.processes.begin(), view.processes.end());
  std::ranges::stable_partition(shown, [](const auto& entry) { return entry.second.state != RankProcess::State::running; });
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < shown.size() && static_cast<int>(lines.size()) < rows;) {
    std::string line;
    for (int column = 0; column < across && at < shown.size(); ++column, ++at)
      line += padded(rank_cell(shown[at].first, shown[at].second), std::min(width, columns));
    lines.push_back(clipped(line, columns));
  }
  return lines;
}

std::vector<std::string> newest(const std::vector<std::string>& lines, int rows, int columns, Glyphs glyphs) {
  std::vector<std::string> shown;
  for (auto line = lines.rbegin(); line != lines.rend() && static_cast<int>(shown.size()) < rows; ++line)
    if (std::string text = clipped(printable(*line, glyphs), columns); !text.empty()) shown.push_back(std::move(text));
  std::ranges::reverse(shown);
  return shown;
}

// Rows of each part that may grow, from what the fixed rows leave.
struct Growth {
  int curve = 0, ranks = 0, notes = 0, log = 0;
};

Growth share_out(const WatchView& view, int rows, int columns) {
  Growth growth;
  if (!view.losses.values.empty()) growth.curve = std::min(7, rows / 3);
  rows -= growth.curve;
  const int across = std::max(1, columns / 32), needed = (static_cast<int>(view.processes.size()) + across - 1) / across;
  if (view.processes.size() > 1) growth.ranks = std::min({needed, 8, rows / 2});
  rows -= growth.ranks;
  growth.notes = std::min({static_cast<int>(view.notes.size()), 3, rows / 2});
  rows -= growth.notes;
  if (!view.log_name.empty() && rows > 1) growth.log = rows - 1;  // one names it
  return growth;
}

std::vector<ScreenRow> fixed_rows(const WatchView& view, int columns, Glyphs glyphs) {
  std::vector<ScreenRow> rows = {{0, title(view, columns, glyphs)}};
  if (has_ended(view)) rows.push_back({1, end_of_run(view, columns, glyphs)});
  rows.push_back({2, clipped(progress_bar(view, columns), columns)});
  rows.push_back({3, losses(view, columns)});
  rows.push_back({4, speed(view, columns)});
  rows.push_back({5, ranks(view, columns)});
  rows.push_back({7, saves(view, columns)});
  rows.push_back({8, attempts(view, columns)});
  rows.push_back({9, owner(view, columns, glyphs)});
  return rows;
}

// Takes the least important away until `most` are left.
void thin_out(std::vector<ScreenRow>& rows, int most) {
  while (static_cast<int>(rows.size()) > most) rows.erase(std::ranges::max_element(rows, {}, &ScreenRow::importance));
}

}  // namespace

std::vector<std::string> lay_out(const WatchView& view, ScreenSize size, Glyphs glyphs) {
  std::vector<std::string> lines;
  if (size.columns < 1 || size.rows < 1) return lines;
  constexpr int curve_importance = 6, validation_importance = 10;
  std::vector<ScreenRow> rows = fixed_rows(view, size.columns, glyphs);
  if (!view.losses.values.empty()) rows.push_back({curve_importance, ""});
  if (!view.validation.values.empty()) rows.push_back({validation_importance, ""});
  thin_out(rows, size.rows);
  const Growth growth = share_out(view, size.rows - static_cast<int>(rows.size()), size.columns);
  const auto append = [&](const std::vector<std::string>& more) { lines.insert(lines.end(), more.begin(), more.end()); };
  for (const ScreenRow& row : rows) {
    if (row.importance == curve_importance)
      append(chart_rows("loss", view.losses, size.columns, 1 + growth.curve, glyphs));
    else if (row.importance == validation_importance)
      append(chart_rows("validation", view.validation, size.columns, 1, glyphs));
    else
      lines.push_back(row.text);
  }
  append(rank_rows(view, size.columns, growth.ranks));
  append(newest(view.notes, growth.notes, size.columns, glyphs));
  if (growth.log > 0) {
    lines.push_back(clipped("--- " + printable(view.log_name, glyphs), size.columns));
    append(newest(view.log, growth.log, size.columns, glyphs));
  }
  return lines;
}

}  // namespace ergon
