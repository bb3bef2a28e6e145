// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"

#include "tests/trainer/data/tokenizers/golden.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

std::unique_ptr<Tokenizer> make(const json& file, const std::string& end = "a") {
  return make_huggingface_tokenizer(file.dump(), end, "f");
}

json simple() { return golden_file(golden_case("byte level")); }

std::string file_refusal(const json& changes, const std::string& end = "a", ExitCode code = ExitCode::data) {
  json file = simple();
  file.update(changes);
  return problem_of([&] { make(file, end); }, code);
}

}  // namespace

TEST_CASE("huggingface_tokenizer: ids and texts are those of the package for every part") {
  int cases = 0;
  for (const auto& one : golden()["cases"]) {
    if (one["kind"] != "huggingface") continue;
    CHECK(differences(*make(golden_file(one), unused_token(one)), one) == 0);
    ++cases;
  }
  CHECK(cases == 19);
}

TEST_CASE("huggingface_tokenizer: a special token in a text is text, gives none, and so does what ends documents") {
  json file = golden_file(golden_case("added tokens"));
  const auto tokenizer = make(file, "");
  const std::int32_t end = tokenizer->eod();

  CHECK(tokenizer->decode(std::vector<std::int32_t>{end}).empty());
  CHECK(encode(*tokenizer, "<|endoftext|>").size() > 1);
  CHECK(encode(*tokenizer, "<think>").size() == 1);
  const auto other = make(file, "<think>");
  CHECK(encode(*other, "<think>").size() > 1);
  CHECK(tokenizer->vocabulary() == 468 + 8);
  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{476}); }), "token id 476 is outside the vocabulary of 476"));
}

TEST_CASE("huggingface_tokenizer: a store's definition makes the same tokenizer") {
  const auto& one = golden_case("llama 2");
  const auto tokenizer = make(golden_file(one), "</s>");
  const auto again = make_tokenizer("huggingface", tokenizer->definition());

  CHECK(again->definition() == tokenizer->definition());
  CHECK(again->eod() == tokenizer->eod());
  CHECK(again->kind() == "huggingface");
  CHECK(differences(*again, one) == 0);
  CHECK(contains(problem_of([] { make_tokenizer("huggingface", "{}\n{}"); }),
                 "the definition's first line does not say what ends documents"));
}

TEST_CASE("huggingface_tokenizer: what ends documents is found by its usual name, or is to be named") {
  CHECK(make(golden_file(golden_case("llama 2")), "")->eod() == vocabulary("characters")["</s>"].get<int>());
  CHECK(contains(file_refusal(json::object(), "", ExitCode::config), "f: has no token of the usual names that ends documents"));
  CHECK(contains(file_refusal(json::object(), "<end>", ExitCode::config), "f: has no token '<end>' to end documents"));
  const json two = {{{"id", 468}, {"content", "</s>"}, {"special", true}}, {{"id", 469}, {"content", "<eos>"}, {"special", true}}};
  CHECK(contains(file_refusal({{"added_tokens", two}}, "", ExitCode::config),
                 "f: has more than one token that may end documents: </s> <eos>"));
}

TEST_CASE("huggingface_tokenizer: parts that are not known are refused by name") {
  CHECK(contains(file_refusal({{"model", nullptr}}), "f: the file has no 'model'"));
  CHECK(contains(file_refusal({{"truncation", {{"max_length", 5}}}}), "f: the file has a 'truncation', which would change documents"));
  CHECK(contains(file_refusal({{"padding", {{"length", 5}}}}), "f: the file has a 'padding'"));
  CHECK(contains(file_refusal({{"chat_template", "x"}}), "f: the file has a 'chat_template'"));
  CHECK(contains(file_refusal({{"post_processor", {{"type", "Magic"}}}}), "f: post_processor is of type 'Magic'"));
  CHECK(contains(file_refusal({{"normalizer", {{"type", "Lowercase"}}}}), "f: normalizer is of type 'Lowercase'"));
  CHECK(contains(file_refusal({{"added_tokens", 1}}), "f: the file has no list 'added_tokens'"));
  CHECK(contains(problem_of([] { make(json::array()); }), "f: the file is not an object"));
  json file = simple();
  file["post_processor"] = {{"type", "TemplateProcessing"}, {"single", json::array()}};
  CHECK(encode(*make(file), "a b") == encode(*make(simple()), "a b"));
}

TEST_CASE("huggingface_tokenizer: a damaged file is refused or still whole") {
  const std::string whole = golden_file(golden_case("added tokens")).dump();
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += 313)
    for (const bool cut : {true, false}) {
      std::string damaged = cut ? whole.substr(0, at) : whole;
      if (!cut) damaged[at] ^= 4;
      try {
        encode(*make_huggingface_tokenizer(damaged, "", "f"), "some text");
      } catch (const Error&) {
        ++refused;
      }
    }
  CHECK(refused > 50);
}
