// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "accounting/scaling/csv.hpp"
#include "accounting/scaling/fit_checks.hpp"
#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/text_file.hpp"

namespace ergon {
namespace {

// A row that cannot be used, as a sentence.
struct Defect {
  std::string what;
};

double number(const CsvRow& row, std::size_t column, const std::string& name) {
  const std::string& cell = row.cells[column];
  if (cell.empty()) throw Defect{fmt::format("'{}' is empty", name)};
  const char* first = cell.data() + (cell.front() == '+');
  double value = 0;
  const auto [end, problem] = std::from_chars(first, cell.data() + cell.size(), value);
  if (problem == std::errc::result_out_of_range) throw Defect{fmt::format("'{}' is {}, which no double holds", name, cell)};
  if (problem != std::errc() || end != cell.data() + cell.size())
    throw Defect{fmt::format("'{}' is '{}', which is not a number", name, cell)};
  if (!std::isfinite(value)) throw Defect{fmt::format("'{}' is {}, which is not finite", name, cell)};
  if (value <= 0) throw Defect{fmt::format("'{}' is {}, which is not above zero", name, cell)};
  return value;
}

std::int64_t whole_number(const CsvRow& row, std::size_t column, const std::string& name) {
  const std::string& cell = row.cells[column];
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (problem != std::errc() || end != cell.data() + cell.size() || value < 0)
    throw Defect{fmt::format("'{}' is '{}', which is not a whole number from zero", name, cell)};
  return value;
}

FitRow row_of(const CsvTable& table, std::size_t index, const FitColumns& columns) {
  const CsvRow& cells = table.rows[index];
  const auto value = [&](std::size_t column) { return number(cells, column, table.header[column]); };
  FitRow row;
  row.row = static_cast<std::int64_t>(index) + 1;
  if (columns.n) row.parameters = value(*columns.n);
  if (columns.d) row.tokens = value(*columns.d);
  if (columns.c) row.flops = value(*columns.c);
  row.loss = value(columns.loss);
  if (!columns.n) row.parameters = row.flops / 6 / row.tokens;
  if (!columns.d) row.tokens = row.flops / 6 / row.parameters;
  if (!columns.c) row.flops = 6 * row.parameters * row.tokens;
  if (columns.run) row.run = cells.cells[*columns.run];
  if (columns.step) row.step = whole_number(cells, *columns.step, table.header[*columns.step]);
  if (columns.budget) row.budget = value(*columns.budget);
  if (columns.unique_tokens) row.unique_tokens = value(*columns.unique_tokens);
  if (columns.run && row.run.empty()) throw Defect{fmt::format("'{}' is empty", table.header[*columns.run])};
  return row;
}

void drop(FitRows& rows, const std::vector<std::int64_t>& numbers, const std::string& reason) {
  for (const std::int64_t number : numbers) {
    const auto at = std::find_if(rows.rows.begin(), rows.rows.end(), [&](const FitRow& row) { return row.row == number; });
    rows.dropped.push_back({number, fmt::format("{} (loss {:.6g})", reason, at->loss)});
    rows.rows.erase(at);
  }
  std::stable_sort(rows.dropped.begin(), rows.dropped.end(), [](const DroppedRow& a, const DroppedRow& b) { return a.row < b.row; });
}

}  // namespace

FitRows fit_table(const std::string& text, const std::string& source, const FitTableOptions& options) {
  const CsvTable table = parse_csv(text, source);
  const FitColumns columns = find_columns(table.header, options.columns, source);
  FitRows rows;
  rows.input_sha256 = sha256_hex(text);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    try {
      rows.rows.push_back(row_of(table, i, columns));
    } catch (const Defect& defect) {
      if (options.defects == Defects::refuse)
        throw Error(fmt::format("row {}: {}", i + 1, defect.what), fmt::format("{}:{}", source, table.rows[i].line),
                    "mend the row, or leave out every row like it with --skip-defects", ExitCode::data);
      rows.dropped.push_back({static_cast<std::int64_t>(i) + 1, fmt::format("--skip-defects: {}", defect.what)});
    }
  }
  require_units(rows.rows, source);
  const bool all_three = columns.n && columns.d && columns.c;
  const std::string disagreement = all_three ? six_n_d_disagreement(rows.rows, source) : "";
  if (!disagreement.empty()) rows.warnings.push_back(disagreement);
  rows.definitions.parameters = options.parameters;
  rows.definitions.compute = options.compute.value_or(disagreement.empty() ? "6n" : "as given");
  return rows;
}

FitRows read_fit_table(const std::string& path, const FitTableOptions& options) {
  return fit_table(text_of_file(path, "name a CSV file with one row a model; ergon fit --help shows one"), path, options);
}

void filter_rows(FitRows& rows, const RowFilter& filter) {
  std::vector<std::int64_t> above, highest;
  for (const FitRow& row : rows.rows)
    if (filter.max_loss && row.loss > *filter.max_loss) above.push_back(row.row);
  if (filter.max_loss) drop(rows, above, fmt::format("--max-loss {}", *filter.max_loss));
  if (filter.drop_highest_loss > static_cast<std::int64_t>(rows.rows.size()))
    throw Error(fmt::format("{} rows are to be dropped, and there are {}", filter.drop_highest_loss, rows.rows.size()),
                "--drop-highest-loss", "drop fewer");
  std::vector<FitRow> sorted = rows.rows;
  std::stable_sort(sorted.begin(), sorted.end(), [](const FitRow& a, const FitRow& b) { return a.loss > b.loss; });
  for (std::int64_t i = 0; i < filter.drop_highest_loss; ++i) highest.push_back(sorted[static_cast<std::size_t>(i)].row);
  drop(rows, highest, fmt::format("--drop-highest-loss {}", filter.drop_highest_loss));
}

}  // namespace ergon
