// SPDX-License-Identifier: Apache-2.0
// Small token stores for tests.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/data/token_store_writer.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

struct TestDocument {
  std::string text;
  Split split = Split::train;
};

// A store of bytes.
inline TokenStoreInfo make_store(const std::string& path, const std::vector<TestDocument>& documents, Storage& storage) {
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(path, *tokenizer, storage, Existing::replace);
  std::vector<std::int32_t> ids;
  for (const TestDocument& document : documents) {
    ids.clear();
    tokenizer->encode(document.text, ids);
    writer.add(ids, document.split);
  }
  return writer.finish("{}");
}

// A vocabulary that needs four bytes a token.
class WideTokenizer final : public Tokenizer {
 public:
  void encode(std::string_view, std::vector<std::int32_t>&) const override {}
  std::string decode(std::span<const std::int32_t>) const override { return ""; }
  std::string kind() const override { return "wide"; }
  std::string definition() const override { return "definition"; }
  std::int64_t vocabulary() const override { return 200'000; }
  std::int32_t eod() const override { return 199'999; }
  std::int32_t bos() const override { return 1; }
  std::int32_t pad() const override { return 2; }
};

// A store of ids of four bytes, documents of growing lengths.
inline TokenStoreInfo make_wide_store(const std::string& path, int documents, Storage& storage) {
  const WideTokenizer tokenizer;
  TokenStoreWriter writer(path, tokenizer, storage, Existing::replace);
  for (int d = 0; d < documents; ++d) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(7 + 11 * (d % 9)));
    for (std::size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<std::int32_t>((static_cast<std::size_t>(d) * 1000 + i) * 7919 % 199'000);
    writer.add(ids, Split::train);
  }
  return writer.finish("{}");
}

// `count` documents of growing lengths, every fifth for validation.
inline std::vector<TestDocument> some_documents(int count) {
  std::vector<TestDocument> documents;
  for (int d = 0; d < count; ++d) {
    std::string text;
    for (int i = 0; i < 7 + 11 * (d % 9); ++i) text.push_back(static_cast<char>('a' + (d * 7 + i * i) % 26));
    documents.push_back({text, d % 5 == 4 ? Split::validation : Split::train});
  }
  return documents;
}

// What an Error says, or "no error".
inline std::string problem_of(const std::function<void()>& action, ExitCode code = ExitCode::data) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.where() + ": " + error.problem();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text << "\npart: " << part);
  return text.find(part) != std::string::npos;
}

}  // namespace ergon::test
