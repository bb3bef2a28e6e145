// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/block_mask.hpp"

#include <algorithm>
#include <limits>

#include "configs/error.hpp"

namespace ergon {
namespace {

using Runs = std::vector<PositionRun>;
constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();

std::int64_t total_length(const Runs& runs) {
  std::int64_t length = 0;
  for (const PositionRun& run : runs) length += run.length;
  return length;
}

std::int64_t last_position(const PositionRun& run) { return run.start + (run.length - 1) * run.stride; }

std::int64_t position(const Runs& runs, std::int64_t row) {
  ERGON_CHECK(row >= 0 && row < total_length(runs), "row {} of {}", row, total_length(runs));
  std::size_t at = 0;
  for (; row >= runs[at].length; ++at) row -= runs[at].length;
  return runs[at].start + row * runs[at].stride;
}

// Rows [first, first + count) as runs.
Runs slice(const Runs& runs, std::int64_t first, std::int64_t count) {
  Runs result;
  for (const PositionRun& run : runs) {
    const std::int64_t begin = std::clamp<std::int64_t>(first, 0, run.length), end = std::clamp<std::int64_t>(first + count, 0, run.length);
    if (begin < end) result.push_back({run.start + begin * run.stride, end - begin, run.stride});
    first -= run.length;
  }
  return result;
}

// Rows [begin, end) of a run.
struct Rows {
  std::int64_t begin = 0, end = 0;
};

// Those whose positions lie in [low, high].
Rows rows_within(const PositionRun& run, std::int64_t low, std::int64_t high) {
  low = std::max(low, run.start);
  high = std::min(high, last_position(run));
  if (high < low) return {};
  return {(low - run.start + run.stride - 1) / run.stride, (high - run.start) / run.stride + 1};
}

// The document that holds a position: [begin, end).
struct Document {
  std::int64_t begin = 0, end = no_end;
};

Document document_of(const BlockMask& mask, std::int64_t at) {
  const auto& starts = mask.document_starts;
  if (starts.empty()) return {};
  const auto next = std::upper_bound(starts.begin(), starts.end(), at);
  return {next == starts.begin() ? 0 : *(next - 1), next == starts.end() ? no_end : *next};
}

// Positions [low, high].
struct Interval {
  std::int64_t low, high;
};

// What the query at this position sees.
Interval seen(const BlockMask& mask, std::int64_t query) {
  const Document document = document_of(mask, query);
  return {mask.window > 0 ? std::max(document.begin, query - mask.window + 1) : document.begin,
          mask.causal ? std::min(query, document.end - 1) : document.end - 1};
}

// What a run of queries sees, as intervals in ascending order: one for adjacent queries, whose intervals adjoin or overlap, else one a
// query. visit(interval) says whether to go on.
template <typename Visit>
bool each_interval(const BlockMask& mask, const PositionRun& queries, const Visit& visit) {
  if (queries.length == 0) return true;
  if (queries.stride == 1) return visit(Interval{seen(mask, queries.start).low, seen(mask, last_position(queries)).high});
  for (std::int64_t i = 0; i < queries.length; ++i)
    if (!visit(seen(mask, queries.start + i * queries.stride))) return false;
  return true;
}

// Keys visible to the query at this position.
std::int64_t visible_keys(const BlockMask& mask, std::int64_t query, const Runs& keys) {
  const Interval interval = seen(mask, query);
  std::int64_t count = 0;
  for (const PositionRun& run : keys) {
    const Rows rows = rows_within(run, interval.low, interval.high);
    count += rows.end - rows.begin;
  }
  return count;
}

// Whether any query of the run sees any of the keys.
bool sees_any(const BlockMask& mask, const PositionRun& queries, const Runs& keys) {
  return !each_interval(mask, queries, [&](const Interval& interval) {
    return std::none_of(keys.begin(), keys.end(), [&](const PositionRun& run) {
      const Rows rows = rows_within(run, interval.low, interval.high);
      return rows.begin < rows.end;
    });
  });
}

// Sum of clamp(t, 0, n) over t < x.
std::int64_t clamped_sum(std::int64_t x, std::int64_t n) {
  if (x <= 0) return 0;
  if (x <= n + 1) return x * (x - 1) / 2;
  return n * (n + 1) / 2 + (x - n - 1) * n;
}

// Pairs of two runs of stride 1 within one document: keys j <= i, less those with j <= i - window.
std::int64_t dense_pairs(const BlockMask& mask, const PositionRun& q, const PositionRun& k) {
  if (!mask.causal) return q.length * k.length;
  const std::int64_t first = q.start - k.start + 1;
  std::int64_t pairs = clamped_sum(first + q.length, k.length) - clamped_sum(first, k.length);
  if (mask.window > 0) pairs -= clamped_sum(first - mask.window + q.length, k.length) - clamped_sum(first - mask.window, k.length);
  return pairs;
}

// The same of several documents: each query's keys end with its own.
std::int64_t document_pairs(const BlockMask& mask, const PositionRun& q, const PositionRun& k) {
  if (mask.document_starts.empty()) return dense_pairs(mask, q, k);
  std::int64_t pairs = 0;
  for (std::int64_t at = q.start, next = at; at < q.start + q.length; at = next) {
    const Document document = document_of(mask, at);
    next = std::min(document.end, q.start + q.length);
    const std::int64_t first = std::max(document.begin, k.start), last = std::min(document.end, k.start + k.length);
    if (first < last) pairs += dense_pairs(mask, {at, next - at, 1}, {first, last - first, 1});
  }
  return pairs;
}

bool unit_strides(const Runs& runs) {
  return std::all_of(runs.begin(), runs.end(), [](const PositionRun& run) { return run.stride == 1 || run.length <= 1; });
}

// Keys in the tiles of `tile` keys of which a query of these runs sees any.
std::int64_t visited_keys(const BlockMask& mask, const Runs& queries, std::int64_t tile) {
  std::vector<Rows> tiles;
  for (const PositionRun& q : queries)
    each_interval(mask, q, [&](const Interval& interval) {
      std::int64_t row = 0;
      for (const PositionRun& run : mask.keys) {
        const Rows rows = rows_within(run, interval.low, interval.high);
        if (rows.begin < rows.end) tiles.push_back({(row + rows.begin) / tile, (row + rows.end - 1) / tile + 1});
        row += run.length;
      }
      return true;
    });
  std::sort(tiles.begin(), tiles.end(), [](const Rows& a, const Rows& b) { return a.begin < b.begin; });
  const std::int64_t num_keys = mask.num_keys();
  std::int64_t keys = 0, next = 0;  // tiles before `next` are counted
  for (const Rows& range : tiles) {
    const std::int64_t begin = std::max(next, range.begin);
    keys += std::max<std::int64_t>(0, std::min(num_keys, range.end * tile) - begin * tile);
    next = std::max(next, range.end);
  }
  return keys;
}

// What the extreme distances between a run of queries and a run of keys already decide.
struct Distances {
  bool none, all;
};
Distances judge(const BlockMask& mask, const PositionRun& q, const PositionRun& k) {
  const std::int64_t nearest = q.start - last_position(k), farthest = last_position(q) - k.start;
  Distances d{false, true};
  if (mask.causal) {
    d.none = farthest < 0 || (mask.window > 0 && nearest >= mask.window);
    d.all = nearest >= 0 && (mask.window == 0 || farthest < mask.window);
  }
  const Document first = document_of(mask, q.start), last = document_of(mask, last_position(q));
  d.none = d.none || last.end <= k.start || first.begin > last_position(k);
  d.all = d.all && first.begin == last.begin && k.start >= first.begin && last_position(k) < first.end;
  return d;
}

BlockKind kind_of(const BlockMask& mask, const Runs& queries, const Runs& keys) {
  ERGON_CHECK(mask.window == 0 || mask.causal, "a window of {} without causal", mask.window);
  bool none = true, all = true;
  for (const PositionRun& q : queries)
    for (const PositionRun& k : keys) {
      const Distances d = judge(mask, q, k);
      none = none && d.none;
      all = all && d.all;
    }
  if (none) return BlockKind::empty;
  if (all) return BlockKind::full;
  const bool exact = mask.document_starts.empty() && (mask.window == 0 || (unit_strides(queries) && unit_strides(keys)));
  if (exact) return BlockKind::partial;
  const bool any = std::any_of(queries.begin(), queries.end(), [&](const PositionRun& q) { return sees_any(mask, q, keys); });
  return any ? BlockKind::partial : BlockKind::empty;
}

}  // namespace

std::int64_t BlockMask::num_queries() const { return total_length(queries); }
std::int64_t BlockMask::num_keys() const { return total_length(keys); }

bool BlockMask::visible(std::int64_t query, std::int64_t key) const {
  const std::int64_t i = position(queries, query), j = position(keys, key);
  const Document document = document_of(*this, i);
  return (!causal || j <= i) && (window == 0 || i - j < window) && j >= document.begin && j < document.end;
}

BlockKind BlockMask::kind() const { return kind_of(*this, queries, keys); }

BlockKind BlockMask::tile_kind(std::int64_t query, std::int64_t num_query, std::int64_t key, std::int64_t num_key) const {
  return kind_of(*this, slice(queries, query, num_query), slice(keys, key, num_key));
}

std::int64_t BlockMask::visible_pairs() const {
  ERGON_CHECK(window == 0 || causal, "a window of {} without causal", window);
  const bool closed_form = unit_strides(queries) && unit_strides(keys);
  std::int64_t pairs = 0;
  for (const PositionRun& q : queries) {
    if (closed_form)
      for (const PositionRun& k : keys) pairs += document_pairs(*this, q, k);
    else
      for (std::int64_t i = 0; i < q.length; ++i) pairs += visible_keys(*this, q.start + i * q.stride, keys);
  }
  return pairs;
}

BlockMask causal_mask(std::int64_t positions, std::int64_t window) {
  BlockMask mask;
  mask.queries = mask.keys = {PositionRun{0, positions, 1}};
  mask.window = window;
  return mask;
}

std::int64_t computed_pairs(const BlockMask& mask, const AttentionTiles& tiles) {
  ERGON_CHECK(mask.window == 0 || mask.causal, "a window of {} without causal", mask.window);
  const std::int64_t num_queries = mask.num_queries(), num_keys = mask.num_keys();
  if (!tiles.skips_empty) return num_queries * num_keys;
  const std::int64_t query_tile = tiles.query_tile(num_queries);
  const std::int64_t tile_q = query_tile > 0 ? query_tile : num_queries, tile_k = tiles.keys > 0 ? tiles.keys : num_keys;
  std::int64_t pairs = 0;
  for (std::int64_t q = 0; q < num_queries; q += tile_q) {
    const std::int64_t rows = std::min(tile_q, num_queries - q);
    pairs += rows * visited_keys(mask, slice(mask.queries, q, rows), tile_k);
  }
  return pairs;
}

}  // namespace ergon
