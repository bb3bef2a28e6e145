// SPDX-License-Identifier: Apache-2.0
#include "configs/did_you_mean.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "configs/text.hpp"

namespace ergon {
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::string::npos;
  for (const std::string& candidate : known) {
    std::size_t missing = candidate.size() - std::min(word.size(), candidate.size());
    if (word.size() >= 3 && lower(candidate).rfind(lower(word), 0) == 0 && missing < best_distance) {
      best = candidate;
      best_distance = missing;
    }
  }
  if (!best.empty()) return best;

  best_distance = 5;
  for (const std::string& candidate : known) {
    std::size_t distance = edit_distance(lower(word), lower(candidate));
    std::size_t allowed = std::clamp<std::size_t>(candidate.size() / 3, 1, 4);
    if (distance <= allowed && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known, const std::string& otherwise) {
  std::string found = nearest(word, known);
  return found.empty() ? otherwise : fmt::format("did you mean '{}'?", found);
}

}  // namespace ergon
