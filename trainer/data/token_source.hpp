// SPDX-License-Identifier: Apache-2.0
// One split of one or more token stores as numbered samples of T + 1 tokens.
//
// The documents of the split are laid end to end (virtually; each ends with eod): a stream of n tokens per store. Sample i of a store is
// tokens [i * T, i * T + T] of its stream: T inputs and, shifted by one, T labels; neighbours share one token; the tail that does not fill
// a sample is dropped. Stores follow each other by prefix sums. Example: T = 4, stream a b | c d e | f g h i (ends of documents marked):
// sample 0 is a b c d (e), sample 1 is e f g h (i), segments 0 0 1 1 (1) and 0 1 1 1 (1).
//
// With a packing table a sample is instead the pieces of documents that the table puts into it, then padding: token 0, a segment of its
// own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/document_packing.hpp"
#include "trainer/data/store_catalogue.hpp"

namespace ergon {

// Numbers documents from where they start. Example: starts 2 and 5, six places: 0 0 1 1 1 2.
void segments_from(std::span<const std::int64_t> starts, std::span<std::int32_t> segments);

class TokenSource {
 public:
  // Opens the stores (a dataset file, trainer/data/dataset_file.hpp, stands for its shards), and the packing table when one is named.
  // Throws Error: a damaged store, stores of different tokenizers, the same store twice, a table of other stores.
  TokenSource(const std::vector<std::string>& paths, Split split, std::int64_t sequence, Storage& storage,
              const std::string& packing_table = "");
  // Of stores whose indexes are here already, and the table too: their files are opened for their tokens alone, by the first read.
  TokenSource(const StoreCatalogue& catalogue, const std::vector<std::string>& paths, Split split, std::int64_t sequence, Storage& storage,
              const std::string& packing_table = "");

  // What one entry of data.train gave: its samples lie together.
  struct Part {
    std::string name;  // as it was written
    std::string uuid;  // of its content
    std::int64_t first_sample = 0, samples = 0;
    std::int64_t tokens = 0;  // of its samples, padding left out
  };

  std::int64_t sequence() const { return sequence_; }  // T
  std::int64_t samples() const { return sample_ends_.back(); }
  std::int64_t vocabulary() const { return stores_.front()->info().vocabulary; }
  std::int64_t token_bytes() const { return stores_.front()->info().token_bytes; }  // of a token as it is stored
  Split split() const { return split_; }
  const std::vector<std::unique_ptr<TokenStore>>& stores() const { return stores_; }
  int store_of(std::int64_t sample) const;
  const std::vector<Part>& parts() const { return parts_; }
  int part_of(std::int64_t sample) const;

  // Positions of a sample that hold a token: T, less where a packing left room.
  std::int64_t tokens_of(std::int64_t sample) const;
  // Reads that were tried again, in all stores. Any thread.
  std::int64_t retries() const;
  std::int64_t tokens() const;  // of all samples
  // The part of all positions that holds none.
  double padding() const;

  // T + 1 tokens of a sample, and where in them, behind the first, another document begins (or the padding, as if it were one). Returns
  // tokens_of(sample). Any thread.
  std::int64_t read(std::int64_t sample, std::span<std::int32_t> tokens, std::vector<std::int64_t>& starts) const;
  // The same of ids as they are stored, token_bytes() each. `starts` null: nobody asks for them.
  std::int64_t read(std::int64_t sample, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const;
  // The same; `segments` are the numbers of the tokens' documents within the sample.
  std::int64_t read(std::int64_t sample, std::span<std::int32_t> tokens, std::span<std::int32_t> segments) const;

  // Says of which samples starts are asked for next, so that what is looked up for them comes from memory beside the reads before.
  void expect(std::int64_t next, std::int64_t after_next) const;

  // Of the T + 1 tokens of a sample, 1 where one stands before its document's answer (TokenStore::answers) and is never a label, else 0.
  // False, and nothing is written, where the sample's store keeps no answers.
  bool mark_prompts(std::int64_t sample, std::span<std::uint8_t> is_prompt) const;

  // The stream of one store: its length, and tokens [begin, begin + tokens.size()) with the starts of documents behind the first.
  std::int64_t stream_tokens(int store) const { return stream_tokens_[static_cast<std::size_t>(store)]; }
  void read_stream(int store, std::int64_t begin, std::span<std::int32_t> tokens, std::vector<std::int64_t>& starts) const;

  // SHA-256 of the content hashes in order: what may not change when a run resumes.
  std::string fingerprint() const;
  // How samples are cut; part of the data state.
  const std::string& packing_hash() const { return packing_hash_; }
  // Throws Error that names data.train and model.vocabulary when the ids do not fit the model, the last `reserved` of which mean no token.
  void check_vocabulary(std::int64_t model_vocabulary, std::int64_t reserved = 0) const;

 private:
  // Where a run of documents that lie together in the file lies in the split's stream.
  struct Piece {
    std::int64_t stream_begin, token_begin, tokens;
    std::uint64_t first_document, end_document;
  };

  void number_samples(const std::vector<int>& stores_of_part);
  std::int64_t first_sample(int store) const;
  const std::uint64_t& next_document(std::int64_t sample) const;
  void add_store(const StoreCatalogue::Entry& entry, Storage& storage);
  void index_documents(std::size_t store);
  // visit(place, token, count, piece) for each run of a window of the stream that lies together in the file, `place` from 0.
  template <typename Visit>
  void each_run(int store, std::int64_t begin, std::int64_t tokens, const Visit& visit) const;
  std::int64_t read_packed(int store, std::int64_t index, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const;
  void read_stream(int store, std::int64_t begin, std::span<std::byte> ids, std::vector<std::int64_t>* starts) const;

  Split split_;
  std::int64_t sequence_;
  std::vector<std::unique_ptr<TokenStore>> stores_;
  std::vector<Part> parts_;
  std::vector<std::vector<Piece>> pieces_;   // by store
  std::vector<std::int64_t> stream_tokens_;  // by store
  // By store and by token k * stride of its stream: the first document that begins there or behind, or the end of the piece. A search for
  // it would miss the cache at nearly every step. The stride keeps the index small beside the tokens.
  std::int64_t stride() const { return std::max<std::int64_t>(sequence_, 512); }
  std::vector<std::vector<std::uint64_t>> next_document_;
  std::vector<std::int64_t> sample_ends_;  // by store, running sum
  std::shared_ptr<const PackingTable> packing_;
  std::span<const PackedSamples> packed_;  // its samples by store; empty: a stream
  std::string packing_hash_;
};

}  // namespace ergon
