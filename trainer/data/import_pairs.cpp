// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_pairs.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "trainer/data/documents.hpp"
#include "trainer/data/split_choice.hpp"

namespace ergon {
namespace {

Split split_of_pair(const Document& pair, const SplitFractions& fractions) {
  Sha256 hash;
  hash.add(fmt::format("{}\n", pair.prompt.size()));
  hash.add(pair.prompt);
  hash.add(pair.text);
  return split_at(split_place(hash), fractions);
}

class PairWriter {
 public:
  PairWriter(const PairOptions& options, const InputFiles& files, const Tokenizer& tokenizer, TokenStoreWriter& writer,
             PairSummary& summary)
      : options_(options), files_(files), tokenizer_(tokenizer), writer_(writer), summary_(summary) {}

  void add(const Document& pair) {
    if (pair.text.empty()) {
      ++summary_.empty;
      return;
    }
    if (pair.replaced_sequences > 0 && options_.invalid_utf8 == InvalidUtf8::refuse)
      refuse_invalid(pair, files_, "--invalid-utf8 replace repairs it, drop leaves it out");
    if (pair.replaced_sequences > 0 && options_.invalid_utf8 == InvalidUtf8::drop) {
      ++summary_.invalid;
      count_replaced(pair);
      return;
    }
    // Apart, so that no token holds characters of both: where the response begins is then exact.
    ids_.clear();
    tokenizer_.encode(pair.prompt + options_.separator, ids_);
    const std::int64_t answer = std::ssize(ids_);
    tokenizer_.encode(pair.text, ids_);
    const std::int64_t tokens = std::ssize(ids_) + 1;
    if (options_.longest > 0 && tokens > options_.longest) {
      ++summary_.too_long;
      return;
    }
    if (pair.replaced_sequences > 0) {
      ++summary_.repaired;
      count_replaced(pair);
    }
    const Split split = split_of_pair(pair, options_.fractions);
    writer_.add(ids_, split, answer);
    summary_.prompt_tokens += answer;
    ++summary_.documents[static_cast<std::size_t>(split)];
    summary_.tokens[static_cast<std::size_t>(split)] += tokens;
  }

 private:
  void count_replaced(const Document& pair) {
    summary_.replaced_sequences += pair.replaced_sequences;
    summary_.replaced_bytes += pair.replaced_bytes;
  }

  const PairOptions& options_;
  const InputFiles& files_;
  const Tokenizer& tokenizer_;
  TokenStoreWriter& writer_;
  PairSummary& summary_;
  std::vector<std::int32_t> ids_;
};

std::string sources_of(const PairOptions& options, const InputFiles& files, const std::vector<SourceFile>& sources) {
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t i = 0; i < files.size(); ++i)
    list.push_back({{"name", files[i].name},
                    {"bytes", sources[static_cast<std::size_t>(i)].bytes},
                    {"sha256", sources[static_cast<std::size_t>(i)].sha256}});
  return nlohmann::json({{"files", list},
                         {"documents", "pairs"},
                         {"prompt_key", options.documents.prompt_key},
                         {"response_key", options.documents.text_key},
                         {"source_and_target", options.documents.sources_too},
                         {"separator", options.separator},
                         {"longest", options.longest},
                         {"invalid_utf8", name(options.invalid_utf8)},
                         {"valid", options.fractions.validation},
                         {"test", options.fractions.test}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

PairSummary import_pairs(const PairOptions& options, const Tokenizer& tokenizer, Storage& storage, const ProgressSink& progress) {
  check_fractions(options.fractions);
  const InputFiles files(options.documents.inputs, options.documents.format);
  for (std::int64_t i = 0; i < files.size(); ++i)
    if (files[i].format != TextFormat::json_lines)
      throw Error("holds no JSON lines: pairs stand one a line under two keys", files.path(i), "name *.jsonl files, or give --format jsonl",
                  ExitCode::data);
  TokenStoreWriter writer(options.output, tokenizer, storage, options.existing);
  PairSummary summary;
  PairWriter pairs(options, files, tokenizer, writer, summary);
  UnitReader reader(files, options.documents, storage);
  Bytes done{};
  for (InputUnit unit; reader.next(unit);) {
    for_each_document(unit, files, options.documents, [&](Document& pair) { pairs.add(pair); });
    done.value += unit.stored_bytes;
    if (progress) progress({"import", done, {files.total_bytes()}});
  }
  summary.store = writer.finish(sources_of(options, files, reader.sources()));
  return summary;
}

}  // namespace ergon
