// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import_tokenizer.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "configs/sha256.hpp"

namespace ergon {
namespace {

// Lines of documents drawn by hash, `share` of them.
class TrainingLines {
 public:
  TrainingLines(const InputFiles& files, const DocumentOptions& options, double share, Storage& storage, const ProgressSink& progress)
      : files_(files), options_(options), share_(share), progress_(progress), reader_(files, options, storage) {}

  bool next(std::string& line) {
    while (at_ >= text().size())
      if (!next_document()) return false;
    const std::size_t end = std::min(text().find('\n', at_), text().size());
    line.assign(text(), at_, end - at_);
    // The trainer takes NUL for the end of a sentence.
    std::erase(line, '\0');
    at_ = end + 1;
    return true;
  }

 private:
  const std::string& text() const { return document_ < drawn_.size() ? drawn_[document_] : none_; }

  bool next_document() {
    at_ = 0;
    if (++document_ < drawn_.size()) return true;
    document_ = 0;
    drawn_.clear();
    while (drawn_.empty()) {
      if (!reader_.next(unit_)) return false;
      done_.value += unit_.stored_bytes;
      if (progress_) progress_({"train tokenizer", done_, {files_.total_bytes()}});
      for_each_document(unit_, files_, options_, [this](Document& document) {
        if (!document.text.empty() && (share_ >= 1 || draw(document.text) < share_)) drawn_.push_back(std::move(document.text));
      });
    }
    return true;
  }

  // Not that of the splits, or it would leave out whole splits.
  static double draw(const std::string& text) {
    Sha256 hash;
    hash.add(text);
    hash.add("tokenizer");
    return split_place(hash);
  }

  const InputFiles& files_;
  const DocumentOptions& options_;
  double share_;
  const ProgressSink& progress_;
  UnitReader reader_;
  InputUnit unit_;
  std::vector<std::string> drawn_;  // of the unit
  const std::string none_;
  std::size_t document_ = 0, at_ = 0;
  Bytes done_{};
};

std::string train(const ImportOptions& options, const InputFiles& files, Storage& storage, const ProgressSink& progress) {
  if (files.reads_standard_input())
    throw Error("a tokenizer is trained on input that can be read twice", standard_input,
                "train it on a file first and name the .model file, or use --tokenizer bytes");
  const double share = static_cast<double>(options.training_text.value) / std::max(1.0, static_cast<double>(files.total_bytes()));
  TrainingLines lines(files, options.documents, share, storage, progress);
  return train_sentencepiece(options.vocabulary, [&](std::string& line) { return lines.next(line); });
}

}  // namespace

std::unique_ptr<Tokenizer> import_tokenizer(const ImportOptions& options, const InputFiles& files, const IngestFolder& folder,
                                            Storage& storage, const ProgressSink& progress) {
  if (options.tokenizer.name == "bytes") return make_bytes_tokenizer();
  if (options.tokenizer.name == "sentencepiece") {
    const std::string kept = folder.path() + "/tokenizer.model";
    if (folder.begun() && storage.exists(kept)) return make_sentencepiece_tokenizer(storage.read_text(kept));
    const std::string model = train(options, files, storage, progress);
    storage.write_text(kept, model);
    return make_sentencepiece_tokenizer(model);
  }
  return open_tokenizer(options.tokenizer, storage);
}

}  // namespace ergon
