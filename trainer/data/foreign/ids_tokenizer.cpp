// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/ids_tokenizer.hpp"

#include <charconv>
#include <limits>

#include "configs/error.hpp"

namespace ergon {
namespace {

class IdsTokenizer : public Tokenizer {
 public:
  IdsTokenizer(std::int64_t vocabulary, std::int32_t eod) : vocabulary_(vocabulary), eod_(eod) {}

  void encode(std::string_view, std::vector<std::int32_t>&) const override {
    throw Error("this store has ids of which the tokenizer is not known, so text cannot become ids", "tokenizer",
                "import the ids again with --tokenizer naming the one that made them", ExitCode::data);
  }
  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    for (std::int32_t id : ids) {
      if (id < 0 || id >= vocabulary_)
        throw Error(fmt::format("id {} is outside the vocabulary of {}", id, vocabulary_), "tokenizer", "", ExitCode::data);
      if (id != eod_) text += fmt::format("<{}>", id);
    }
    return text;
  }
  std::string kind() const override { return ids_tokenizer_kind; }
  std::string definition() const override { return fmt::format("{} {}", vocabulary_, eod_); }
  std::int64_t vocabulary() const override { return vocabulary_; }
  std::int32_t eod() const override { return eod_; }
  std::int32_t bos() const override { return -1; }
  std::int32_t pad() const override { return -1; }

 private:
  std::int64_t vocabulary_;
  std::int32_t eod_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_ids_tokenizer(std::int64_t vocabulary, std::int32_t eod) {
  if (vocabulary < 1 || vocabulary > std::numeric_limits<std::int32_t>::max())
    throw Error(fmt::format("a vocabulary of {} is out of range", vocabulary), "--vocab", "give 1 to 2147483647");
  if (eod < -1 || eod >= vocabulary)
    throw Error(fmt::format("id {} is outside the vocabulary of {}", eod, vocabulary), "--eod", "give a smaller id, or a larger --vocab");
  return std::make_unique<IdsTokenizer>(vocabulary, eod);
}

std::unique_ptr<Tokenizer> make_ids_tokenizer(const std::string& definition) {
  std::int64_t vocabulary = 0;
  std::int32_t eod = -1;
  const char* end = definition.data() + definition.size();
  const auto first = std::from_chars(definition.data(), end, vocabulary);
  const bool separated = first.ec == std::errc{} && first.ptr != end && *first.ptr == ' ';
  const auto second = separated ? std::from_chars(first.ptr + 1, end, eod) : first;
  if (!separated || second.ec != std::errc{} || second.ptr != end || vocabulary < 1 ||
      vocabulary > std::numeric_limits<std::int32_t>::max() || eod < -1 || eod >= vocabulary)
    throw Error("the definition of its ids is damaged", "tokenizer", "import the ids again", ExitCode::data);
  return make_ids_tokenizer(vocabulary, eod);
}

}  // namespace ergon
