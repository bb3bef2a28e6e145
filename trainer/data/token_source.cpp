// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/token_source.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/token_store_format.hpp"
#include "trainer/data/widen_ids.hpp"

namespace ergon {
namespace {

const char* key_of(Split split) { return split == Split::train ? "data.train" : "data.validation"; }

StoreCatalogue catalogue_with(const std::vector<std::string>& paths, const std::string& packing_table, Storage& storage) {
  StoreCatalogue catalogue = read_store_catalogue(paths, storage);
  if (!packing_table.empty()) add_packing_table(packing_table, catalogue, storage);
  return catalogue;
}

}  // namespace

void segments_from(std::span<const std::int64_t> starts, std::span<std::int32_t> segments) {
  auto begin = segments.begin();
  std::int32_t segment = 0;
  for (const std::int64_t start : starts) {
    const auto end = segments.begin() + std::min<std::ptrdiff_t>(start, std::ssize(segments));
    std::fill(begin, end, segment++);
    begin = end;
  }
  std::fill(begin, segments.end(), segment);
}

TokenSource::TokenSource(const std::vector<std::string>& paths, Split split, std::int64_t sequence, Storage& storage,
                         const std::string& packing_table)
    : TokenSource(catalogue_with(paths, packing_table, storage), paths, split, sequence, storage, packing_table) {}

TokenSource::TokenSource(const StoreCatalogue& catalogue, const std::vector<std::string>& paths, Split split, std::int64_t sequence,
                         Storage& storage, const std::string& packing_table)
    : split_(split), sequence_(sequence) {
  ERGON_CHECK(sequence >= 1, "a sequence of {} tokens", sequence);
  if (paths.empty()) throw Error("names no token store", key_of(split), "make one with `ergon data import`", ExitCode::data);
  std::vector<int> stores_of_part;
  for (const std::string& path : paths) {
    const std::vector<StoreCatalogue::Entry>& stores = catalogue.of(path);
    std::string hashes;
    for (const StoreCatalogue::Entry& entry : stores) {
      add_store(entry, storage);
      hashes += stores_.back()->info().content_hash + "\n";
    }
    parts_.push_back({.name = path, .uuid = stores.size() == 1 ? stores_.back()->info().uuid : uuid_of(sha256_hex(hashes))});
    stores_of_part.push_back(static_cast<int>(stores.size()));
  }
  packing_hash_ = sha256_hex(fmt::format("plain 1 sequence={} split={}\n", sequence_, name(split_)));
  if (!packing_table.empty()) {
    const StoreCatalogue::Packing& packing = catalogue.packing(packing_table);
    check_packing_table(*packing.table, packing_table, stores_, split, sequence);
    packing_hash_ = packing.hash;
    packing_ = packing.table;
    packed_ = packing_->packed;
  } else {
    for (std::size_t store = 0; store < stores_.size(); ++store) index_documents(store);
  }
  number_samples(stores_of_part);
}

void TokenSource::add_store(const StoreCatalogue::Entry& entry, Storage& storage) {
  auto store = std::make_unique<TokenStore>(entry.place, entry.index, storage);
  for (const auto& other : stores_) {
    if (other->info().uuid == store->info().uuid)
      throw Error(fmt::format("{} and {} hold the same tokens (uuid {})", other->path(), store->path(), store->info().uuid), key_of(split_),
                  "name each store once", ExitCode::data);
    if (other->info().tokenizer_sha256 != store->info().tokenizer_sha256)
      throw Error(fmt::format("{} and {} were made with different tokenizers", other->path(), store->path()), key_of(split_),
                  "import them with one tokenizer", ExitCode::data);
  }
  std::vector<Piece> pieces;
  std::int64_t tokens = 0;
  for (const DocumentRange& range : store->split(split_)) {
    const auto begin = static_cast<std::int64_t>(store->offsets()[range.begin]),
               end = static_cast<std::int64_t>(store->offsets()[range.end]);
    pieces.push_back({tokens, begin, end - begin, range.begin, range.end});
    tokens += end - begin;
  }
  stores_.push_back(std::move(store));
  pieces_.push_back(std::move(pieces));
  stream_tokens_.push_back(tokens);
}

void TokenSource::index_documents(std::size_t store) {
  const std::span<const std::uint64_t> offsets = stores_[store]->offsets();
  std::vector<std::uint64_t>& next = next_document_.emplace_back();
  next.reserve(static_cast<std::size_t>(stream_tokens_[store] / stride() + 1));
  for (const Piece& piece : pieces_[store]) {
    std::uint64_t document = piece.first_document;
    for (auto at = std::ssize(next) * stride() - piece.stream_begin; at < piece.tokens; at += stride()) {
      while (static_cast<std::int64_t>(offsets[document]) < piece.token_begin + at) ++document;
      next.push_back(document);
    }
  }
}

void TokenSource::number_samples(const std::vector<int>& stores_of_part) {
  std::int64_t samples = 0;
  std::size_t store = 0;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    parts_[p].first_sample = samples;
    for (int i = 0; i < stores_of_part[p]; ++i, ++store) {
      const std::int64_t stream = stream_tokens_[store];
      const std::int64_t here = packed_.empty() ? (stream > 0 ? (stream - 1) / sequence_ : 0) : packed_[store].samples();
      parts_[p].tokens += packed_.empty() ? here * sequence_ : packed_[store].tokens();
      samples += here;
      sample_ends_.push_back(samples);
    }
    parts_[p].samples = samples - parts_[p].first_sample;
  }
}

int TokenSource::store_of(std::int64_t sample) const {
  ERGON_CHECK(sample >= 0 && sample < samples(), "sample {} of {}", sample, samples());
  return static_cast<int>(std::ranges::upper_bound(sample_ends_, sample) - sample_ends_.begin());
}

int TokenSource::part_of(std::int64_t sample) const {
  ERGON_CHECK(sample >= 0 && sample < samples(), "sample {} of {}", sample, samples());
  return static_cast<int>(std::ranges::upper_bound(parts_, sample, {}, &Part::first_sample) - parts_.begin()) - 1;
}

std::int64_t TokenSource::first_sample(int store) const { return store == 0 ? 0 : sample_ends_[static_cast<std::size_t>(store) - 1]; }

std::int64_t TokenSource::tokens_of(std::int64_t sample) const {
  if (packed_.empty()) return sequence_;
  const int store = store_of(sample);
  std::int64_t tokens = 0;
  for (const PackedPiece& piece : packed_[static_cast<std::size_t>(store)].sample(sample - first_sample(store))) tokens += piece.tokens;
  return tokens;
}

std::int64_t TokenSource::retries() const {
  std::int64_t sum = 0;
  for (const auto& store : stores_) sum += store->retries();
  return sum;
}

std::int64_t TokenSource::tokens() const {
  std::int64_t sum = 0;
  for (const Part& part : parts_) sum += part.tokens;
  return sum;
}

double TokenSource::padding() const {
  const double positions = static_cast<double>(samples()) * static_cast<double>(sequence_);
  return samples() == 0 ? 0 : 1 - static_cast<double>(tokens()) / positions;
}

std::int64_t TokenSource::read(std::int64_t sample, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const {
  const int store = store_of(sample);
  ERGON_CHECK(std::ssize(ids) == (sequence_ + 1) * token_bytes(), "{} bytes of ids for a sequence of {}", ids.size(), sequence_);
  const std::int64_t index = sample - first_sample(store);
  if (!packed_.empty()) return read_packed(store, index, ids, starts);
  read_stream(store, index * sequence_, ids, starts);
  return sequence_;
}

std::int64_t TokenSource::read(std::int64_t sample, std::span<std::int32_t> tokens, std::vector<std::int64_t>& starts) const {
  std::vector<std::byte> ids(tokens.size() * static_cast<std::size_t>(token_bytes()));
  const std::int64_t held = read(sample, ids, &starts);
  widen_ids(ids, token_bytes(), tokens.data());
  return held;
}

std::int64_t TokenSource::read(std::int64_t sample, std::span<std::int32_t> tokens, std::span<std::int32_t> segments) const {
  ERGON_CHECK(segments.size() == tokens.size(), "{} segments for {} tokens", segments.size(), tokens.size());
  std::vector<std::int64_t> starts;
  const std::int64_t held = read(sample, tokens, starts);
  segments_from(starts, segments);
  return held;
}

std::int64_t TokenSource::read_packed(int store, std::int64_t index, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const {
  const TokenStore& from = *stores_[static_cast<std::size_t>(store)];
  const auto width = static_cast<std::size_t>(token_bytes()), all = ids.size() / width;
  std::ranges::fill(ids, std::byte{0});
  if (starts) starts->clear();
  std::size_t held = 0;
  for (const PackedPiece& piece : packed_[static_cast<std::size_t>(store)].sample(index)) {
    // A piece that fills the sample and is not the end of its document is followed by the document's next token.
    const auto end = piece.begin + piece.tokens;
    const bool goes_on = held + piece.tokens == all - 1 && !std::ranges::binary_search(from.offsets(), end);
    const std::size_t count = piece.tokens + goes_on;
    if (starts && held > 0) starts->push_back(static_cast<std::int64_t>(held));
    from.read_ids(static_cast<std::int64_t>(piece.begin), ids.subspan(held * width, count * width));
    held += count;
  }
  if (starts && held < all) starts->push_back(static_cast<std::int64_t>(held));
  return std::min(static_cast<std::int64_t>(held), sequence_);
}

const std::uint64_t& TokenSource::next_document(std::int64_t sample) const {
  const int store = store_of(sample);
  return next_document_[static_cast<std::size_t>(store)][static_cast<std::size_t>((sample - first_sample(store)) * sequence_ / stride())];
}

void TokenSource::expect(std::int64_t next, std::int64_t after_next) const {
  if (!packed_.empty()) return;
  __builtin_prefetch(&next_document(after_next));
  __builtin_prefetch(&stores_[static_cast<std::size_t>(store_of(next))]->offsets()[next_document(next)]);
}

template <typename Visit>
void TokenSource::each_run(int store, std::int64_t begin, std::int64_t tokens, const Visit& visit) const {
  const auto& pieces = pieces_[static_cast<std::size_t>(store)];
  ERGON_CHECK(begin >= 0 && begin + tokens <= stream_tokens_[static_cast<std::size_t>(store)], "tokens {} + {} of a stream of {}", begin,
              tokens, stream_tokens_[static_cast<std::size_t>(store)]);
  auto piece = std::ranges::upper_bound(pieces, begin, {}, &Piece::stream_begin) - 1;
  for (std::int64_t done = 0; done < tokens; ++piece) {
    const std::int64_t at = begin + done - piece->stream_begin, count = std::min(piece->tokens - at, tokens - done);
    visit(done, piece->token_begin + at, count, *piece);
    done += count;
  }
}

bool TokenSource::mark_prompts(std::int64_t sample, std::span<std::uint8_t> is_prompt) const {
  const int store = store_of(sample);
  const TokenStore& from = *stores_[static_cast<std::size_t>(store)];
  if (from.answers().empty()) return false;
  ERGON_CHECK(std::ssize(is_prompt) == sequence_ + 1, "{} marks for a sequence of {}", is_prompt.size(), sequence_);
  const auto part = [&](std::int64_t place, std::int64_t count) {
    return is_prompt.subspan(static_cast<std::size_t>(place), static_cast<std::size_t>(count));
  };
  const std::int64_t index = sample - first_sample(store);
  if (packed_.empty()) {
    each_run(store, index * sequence_, sequence_ + 1, [&](std::int64_t place, std::int64_t token, std::int64_t count, const Piece&) {
      from.mark_prompts(token, part(place, count));
    });
    return true;
  }
  std::ranges::fill(is_prompt, std::uint8_t{0});
  std::int64_t place = 0;
  for (const PackedPiece& piece : packed_[static_cast<std::size_t>(store)].sample(index)) {
    from.mark_prompts(static_cast<std::int64_t>(piece.begin), part(place, piece.tokens));
    place += piece.tokens;
  }
  // The token behind a cut piece is of the same document.
  if (place == sequence_ && is_prompt[is_prompt.size() - 2] != 0) {
    const PackedPiece last = packed_[static_cast<std::size_t>(store)].sample(index).back();
    const auto behind = static_cast<std::int64_t>(last.begin + last.tokens);
    if (!std::ranges::binary_search(from.offsets(), static_cast<std::uint64_t>(behind))) from.mark_prompts(behind, is_prompt.last(1));
  }
  return true;
}

void TokenSource::read_stream(int store, std::int64_t begin, std::span<std::int32_t> tokens, std::vector<std::int64_t>& starts) const {
  std::vector<std::byte> ids(tokens.size() * static_cast<std::size_t>(token_bytes()));
  read_stream(store, begin, ids, &starts);
  widen_ids(ids, token_bytes(), tokens.data());
}

void TokenSource::read_stream(int store, std::int64_t begin, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const {
  ERGON_CHECK(packed_.empty(), "packed samples are no stream");
  const std::int64_t width = token_bytes();
  const std::vector<std::uint64_t>& index = next_document_[static_cast<std::size_t>(store)];
  const TokenStore& from = *stores_[static_cast<std::size_t>(store)];
  if (starts) starts->clear();
  each_run(store, begin, std::ssize(ids) / width, [&](std::int64_t done, std::int64_t token, std::int64_t count, const Piece& piece) {
    from.read_ids(token, ids.subspan(static_cast<std::size_t>(done * width), static_cast<std::size_t>(count * width)));
    if (!starts) return;
    const std::uint64_t* next =
        from.offsets().data() +
        (done == 0 ? std::max(index[static_cast<std::size_t>(begin / stride())], piece.first_document) : piece.first_document);
    while (static_cast<std::int64_t>(*next) < token) ++next;
    for (; static_cast<std::int64_t>(*next) < token + count; ++next)
      if (const std::int64_t at = done + static_cast<std::int64_t>(*next) - token; at > 0) starts->push_back(at);
  });
}

std::string TokenSource::fingerprint() const {
  Sha256 hash;
  for (const auto& store : stores_) hash.add(fmt::format("{} {}\n", name(split_), store->info().content_hash));
  return hash.hex();
}

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
