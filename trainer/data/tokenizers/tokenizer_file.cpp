// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tokenizer_file.hpp"

#include <algorithm>
#include <filesystem>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/data/tokenizers/gpt2_files.hpp"
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"
#include "trainer/data/tokenizers/tiktoken_ranks.hpp"
#include "trainer/data/tokenizers/tiktoken_tokenizer.hpp"
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

struct Named {
  std::string kind, path;
};

constexpr const char* kinds[] = {"sentencepiece", "tiktoken", "huggingface", "gpt2"};

std::string read(const std::string& path, Storage& storage) {
  if (storage.size(storage.open_read(path)) > static_cast<std::int64_t>(largest_tokenizer_file))
    throw Error(fmt::format("has more than {} bytes", largest_tokenizer_file), path, "name a tokenizer's file", ExitCode::data);
  return storage.read_text(path);
}

bool names_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// What the path shows of itself.
Named look_at(const std::string& path, Storage& storage) {
  if (names_folder(path)) {
    const std::string json = (fs::path(path) / "tokenizer.json").string();
    return storage.exists(json) ? Named{"huggingface", json} : Named{"gpt2", path};
  }
  const std::string text = read(path, storage);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && text[begin] == '{') return {"huggingface", path};
  return {looks_like_tiktoken_ranks(text) ? "tiktoken" : "sentencepiece", path};
}

Named find(const std::string& name, Storage& storage) {
  for (const std::string kind : kinds)
    if (name.starts_with(kind + ":")) {
      Named named = {kind, name.substr(kind.size() + 1)};
      if (!storage.exists(named.path)) throw Error(fmt::format("'{}' does not exist", named.path), "--tokenizer", "check the path");
      if (kind != "gpt2" && names_folder(named.path))
        throw Error(fmt::format("'{}' is a folder", named.path), "--tokenizer", fmt::format("name the file: {}:FILE", kind));
      return named;
    }
  if (!storage.exists(name))
    throw Error(fmt::format("'{}' is neither bytes nor sentencepiece nor a file", name), "--tokenizer",
                "name one of these, a SentencePiece .model file, a tiktoken file, or a tokenizer.json");
  return look_at(name, storage);
}

TiktokenEncoding encoding_of(const TokenizerFile& file, const std::string& ranks, const std::string& path) {
  TiktokenEncoding encoding;
  if (const auto published = tiktoken_encoding_of(sha256_hex(ranks))) encoding = *published;
  if (!file.pattern.empty()) {
    const std::string named = tiktoken_pattern(file.pattern);
    encoding.pattern = named.empty() ? file.pattern : named;
  }
  if (encoding.pattern.empty())
    throw Error("is none of the published tiktoken files, and the pattern that splits text is not in it", path,
                "name it: --tokenizer-pattern gpt2|cl100k|o200k|llama3, or a regular expression");
  if (!file.end_of_document.empty()) {
    // A token that the makers did not number follows on the ranks.
    if (!encoding.special_tokens.contains(file.end_of_document)) {
      std::int32_t id = first_free_id(ranks, path);
      for (const auto& [text, taken] : encoding.special_tokens) id = std::max(id, taken + 1);
      encoding.special_tokens[file.end_of_document] = id;
    }
    encoding.end_of_document = file.end_of_document;
  }
  if (encoding.end_of_document.empty())
    throw Error("is none of the published tiktoken files, and its special tokens are not in it", path,
                "name the one that ends documents: --end-of-document \"<|endoftext|>\"; it gets the first id after the ranks");
  return encoding;
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const TokenizerFile& file, Storage& storage) {
  const auto [kind, path] = find(file.name, storage);
  if (!file.pattern.empty() && kind != "tiktoken")
    throw Error("a pattern is given to tiktoken files alone", "--tokenizer-pattern", "leave it out; other files hold their own");
  if (!file.end_of_document.empty() && kind == "sentencepiece")
    throw Error("a SentencePiece model says itself what ends a document", "--end-of-document", "leave it out");
  if (kind == "tiktoken") {
    const std::string ranks = read(path, storage);
    return make_tiktoken_tokenizer(ranks, encoding_of(file, ranks, path), path);
  }
  if (kind == "huggingface") return make_huggingface_tokenizer(read(path, storage), file.end_of_document, path);
  if (kind == "gpt2") {
    for (const char* name : {"vocab.json", "merges.txt"})
      if (!storage.exists((fs::path(path) / name).string()))
        throw Error(fmt::format("'{}' holds neither a tokenizer.json nor vocab.json with merges.txt", path), "--tokenizer",
                    "check the path");
    const std::string json = gpt2_tokenizer_json(read((fs::path(path) / "vocab.json").string(), storage),
                                                 read((fs::path(path) / "merges.txt").string(), storage), path);
    return make_huggingface_tokenizer(json, file.end_of_document, path);
  }
  return make_sentencepiece_tokenizer(read(path, storage));
}

}  // namespace ergon
