// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/bigram.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "configs/error.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {
namespace {

class Counts {
 public:
  explicit Counts(std::int64_t vocabulary)
      : tokens_(static_cast<std::size_t>(vocabulary)), contexts_(static_cast<std::size_t>(vocabulary)) {}

  void add(std::int32_t a, std::int32_t b) {
    ++pairs_[key(a, b)];
    ++contexts_[static_cast<std::size_t>(a)];
    ++tokens_[static_cast<std::size_t>(b)];
    ++total_;
  }
  double unigram(std::int32_t b) const {
    return static_cast<double>(tokens_[static_cast<std::size_t>(b)] + 1) / static_cast<double>(total_ + std::ssize(tokens_));
  }
  double probability(std::int32_t a, std::int32_t b, double k) const {
    const auto found = pairs_.find(key(a, b));
    const double pair = found == pairs_.end() ? 0 : static_cast<double>(found->second);
    return (pair + k * unigram(b)) / (static_cast<double>(contexts_[static_cast<std::size_t>(a)]) + k);
  }
  std::int64_t distinct() const { return std::ssize(pairs_); }
  std::int64_t total() const { return total_; }

 private:
  static std::uint64_t key(std::int32_t a, std::int32_t b) { return static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b); }
  std::unordered_map<std::uint64_t, std::uint32_t> pairs_;
  std::vector<std::int64_t> tokens_, contexts_;
  std::int64_t total_ = 0;
};

std::int64_t stream_tokens(const TokenSource& source) {
  std::int64_t tokens = 0;
  for (int store = 0; store < std::ssize(source.stores()); ++store) tokens += source.stream_tokens(store);
  return tokens;
}

// Every pair (token, its label) among tokens [begin, end) of the split; the ends of stores part them.
void each_pair(const TokenSource& source, std::int64_t begin, std::int64_t end,
               const std::function<void(std::int32_t, std::int32_t)>& visit) {
  std::vector<std::int32_t> window;
  std::vector<std::int64_t> starts;
  std::int64_t base = 0;
  for (int store = 0; store < std::ssize(source.stores()); ++store) {
    const std::int64_t tokens = source.stream_tokens(store), last = std::min(end - base, tokens);
    for (std::int64_t at = std::max<std::int64_t>(begin - base, 0); at + 1 < last; at += std::ssize(window) - 1) {
      window.resize(static_cast<std::size_t>(std::min<std::int64_t>(last - at, 65536)));
      source.read_stream(store, at, window, starts);
      for (std::size_t i = 0; i + 1 < window.size(); ++i) visit(window[i], window[i + 1]);
    }
    base += tokens;
  }
}

double best_weight(const TokenSource& source, std::int64_t fitted, std::int64_t end) {
  Counts counts(source.vocabulary());
  each_pair(source, 0, fitted, [&](std::int32_t a, std::int32_t b) { counts.add(a, b); });
  // 1/4 to 2^16 in steps of sqrt(2): beyond its ends the unigram or the raw counts decide alone.
  std::vector<double> weights, nats;
  for (int i = -4; i <= 32; ++i) weights.push_back(std::exp2(0.5 * i));
  nats.resize(weights.size());
  each_pair(source, fitted, end, [&](std::int32_t a, std::int32_t b) {
    for (std::size_t i = 0; i < weights.size(); ++i) nats[i] -= std::log(counts.probability(a, b, weights[i]));
  });
  return weights[static_cast<std::size_t>(std::ranges::min_element(nats) - nats.begin())];
}

void require(std::int64_t tokens, std::int64_t needed, Split split, const std::string& path) {
  if (tokens < needed)
    throw Error(fmt::format("the {} split has {} tokens, a bigram model wants {}", name(split), tokens, needed), path,
                "import more text, or with other --valid", ExitCode::data);
}

}  // namespace

BigramResult fit_bigram(const std::string& path, Storage& storage, Tokens limit) {
  const TokenSource train({path}, Split::train, 1, storage), validation({path}, Split::validation, 1, storage);
  const std::int64_t tokens = std::min(stream_tokens(train), limit.value), validation_tokens = stream_tokens(validation);
  require(tokens, 20, Split::train, path);
  require(validation_tokens, 2, Split::validation, path);

  BigramResult result;
  result.k = best_weight(train, tokens - tokens / 10, tokens);
  Counts counts(train.vocabulary());
  each_pair(train, 0, tokens, [&](std::int32_t a, std::int32_t b) { counts.add(a, b); });
  each_pair(validation, 0, validation_tokens, [&](std::int32_t a, std::int32_t b) {
    result.nats_per_token -= std::log(counts.probability(a, b, result.k));
    result.unigram_nats_per_token -= std::log(counts.unigram(b));
    ++result.evaluated.value;
  });
  result.counted = {counts.total()};
  result.nats_per_token /= static_cast<double>(result.evaluated.value);
  result.unigram_nats_per_token /= static_cast<double>(result.evaluated.value);
  result.distinct_pairs = counts.distinct();
  return result;
}

}  // namespace ergon
