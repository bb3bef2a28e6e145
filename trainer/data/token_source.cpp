// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_source.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon {

TokenSource::TokenSource(const std::vector<std::string>& paths, Split split, std::int64_t sequence, Storage& storage)
    : split_(split), sequence_(sequence) {
  ERGON_CHECK(sequence >= 1, "a sequence of {} tokens", sequence);
  const std::string key = split == Split::train ? "data.train" : "data.validation";
  if (paths.empty()) throw Error("names no token store", key, "make one with `ergon data import`", ExitCode::data);
  std::int64_t samples = 0;
  for (const StorePlace& place : store_places(paths, storage)) {
    const std::string& path = place.path;
    auto store = std::make_unique<TokenStore>(place, storage);
    for (const auto& other : stores_) {
      if (other->info().uuid == store->info().uuid)
        throw Error(fmt::format("{} and {} hold the same tokens (uuid {})", other->path(), path, store->info().uuid), key,
                    "name each store once", ExitCode::data);
      if (other->info().tokenizer_sha256 != store->info().tokenizer_sha256)
        throw Error(fmt::format("{} and {} were made with different tokenizers", other->path(), path), key,
                    "import them with one tokenizer", ExitCode::data);
    }
    std::vector<Piece> pieces;
    std::int64_t tokens = 0;
    for (const DocumentRange& range : store->split(split)) {
      const auto begin = static_cast<std::int64_t>(store->offsets()[range.begin]),
                 end = static_cast<std::int64_t>(store->offsets()[range.end]);
      pieces.push_back({tokens, begin, end - begin, range.begin});
      tokens += end - begin;
    }
    samples += tokens > 0 ? (tokens - 1) / sequence : 0;
    stores_.push_back(std::move(store));
    pieces_.push_back(std::move(pieces));
    stream_tokens_.push_back(tokens);
    sample_ends_.push_back(samples);
  }
}

int TokenSource::store_of(std::int64_t sample) const {
  ERGON_CHECK(sample >= 0 && sample < samples(), "sample {} of {}", sample, samples());
  return static_cast<int>(std::ranges::upper_bound(sample_ends_, sample) - sample_ends_.begin());
}

void TokenSource::read(std::int64_t sample, std::span<std::int32_t> tokens, std::span<std::int32_t> segments) const {
  const int store = store_of(sample);
  const std::int64_t first = store == 0 ? 0 : sample_ends_[static_cast<std::size_t>(store) - 1];
  ERGON_CHECK(std::ssize(tokens) == sequence_ + 1 && segments.size() == tokens.size(), "{} tokens, {} segments for a sequence of {}",
              tokens.size(), segments.size(), sequence_);
  read_stream(store, (sample - first) * sequence_, tokens, segments);
}

void TokenSource::read_stream(int store, std::int64_t begin, std::span<std::int32_t> tokens, std::span<std::int32_t> segments) const {
  const TokenStore& from = *stores_[static_cast<std::size_t>(store)];
  const auto& pieces = pieces_[static_cast<std::size_t>(store)];
  ERGON_CHECK(begin >= 0 && begin + std::ssize(tokens) <= stream_tokens_[static_cast<std::size_t>(store)],
              "tokens {} + {} of a stream of {}", begin, tokens.size(), stream_tokens_[static_cast<std::size_t>(store)]);
  auto piece = std::ranges::upper_bound(pieces, begin, {}, &Piece::stream_begin) - 1;
  std::int32_t segment = 0;
  for (std::int64_t done = 0; done < std::ssize(tokens); ++piece) {
    const std::int64_t at = begin + done - piece->stream_begin, count = std::min(piece->tokens - at, std::ssize(tokens) - done);
    const std::int64_t token = piece->token_begin + at;
    from.read(token, tokens.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)));
    // The document that holds `token`, then a new segment wherever the next one starts.
    const auto offsets = from.offsets();
    auto next = std::upper_bound(offsets.begin() + static_cast<std::int64_t>(piece->first_document), offsets.end(),
                                 static_cast<std::uint64_t>(token));
    for (std::int64_t i = 0; i < count; ++i) {
      if (static_cast<std::uint64_t>(token + i) == *next) {
        ++segment;
        ++next;
      }
      if (done + i < std::ssize(segments)) segments[static_cast<std::size_t>(done + i)] = segment;
    }
    ++segment;
    done += count;
  }
}

std::string TokenSource::fingerprint() const {
  Sha256 hash;
  for (const auto& store : stores_) hash.add(fmt::format("{} {}\n", name(split_), store->info().content_hash));
  return hash.hex();
}

std::string TokenSource::packing_hash() const { return sha256_hex(fmt::format("plain 1 sequence={} split={}\n", sequence_, name(split_))); }

void TokenSource::check_vocabulary(std::int64_t model_vocabulary, std::int64_t reserved) const {
  const std::int64_t needed = vocabulary() + reserved;
  if (needed <= model_vocabulary) return;
  const std::string taken =
      reserved > 0 ? fmt::format(", and the model keeps {} for tokens to restore (model.causal = false)", reserved) : "";
  throw Error(
      fmt::format("data.{} = \"{}\" has token ids up to {}{}, model.vocabulary = {} is too small",
                  split_ == Split::train ? "train" : "validation", stores_.front()->path(), vocabulary() - 1, taken, model_vocabulary),
      "model.vocabulary", fmt::format("set model.vocabulary = {} or more", needed));
}

}  // namespace ergon
