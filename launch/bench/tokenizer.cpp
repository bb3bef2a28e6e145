// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/tokenizer.hpp"

#include <fmt/format.h>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/text_file.hpp"
#include "launch/bench/result.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/bench/tokenizer_script.hpp"
#include "launch/child_process.hpp"
#include "launch/identity.hpp"
#include "trainer/data/utf8.hpp"

namespace ergon {
namespace {

using nlohmann::json;

// Whole lines until they make `size` bytes: what bench_tokenizer.py does too.
std::vector<std::string_view> documents(std::string_view text, std::int64_t size) {
  std::vector<std::string_view> all;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < text.size();) {
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
    if (static_cast<std::int64_t>(end - begin) < size && end < text.size()) continue;
    all.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return all;
}

struct Passes {
  std::vector<double> seconds;
  std::int64_t tokens = 0;
  std::string sha256;  // of all ids, 4 bytes each
};

Passes encode_all(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts, std::int64_t passes) {
  Passes result;
  std::vector<std::int32_t> ids;
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    Sha256 hash;
    double spent = 0;
    result.tokens = 0;
    for (const std::string_view text : texts) {
      ids.clear();
      const Clock::time_point start = Clock::now();
      tokenizer.encode(text, ids);
      spent += since(start).value;
      result.tokens += std::ssize(ids);
      hash.add(std::as_bytes(std::span(ids)));
    }
    result.seconds.push_back(spent);
    result.sha256 = hash.hex();
  }
  return result;
}

// The line that asks the package.
std::vector<std::string> package_command(const TokenizerJob& job, const Tokenizer& tokenizer) {
  if (job.python.empty())
    throw Error("the package runs in a Python that is to be named", "--python",
                "make one: python3 -m venv X && X/bin/pip install tiktoken tokenizers; then --python X/bin/python");
  const std::string kind = tokenizer.kind(), prefix = kind + ":";
  if (kind != "tiktoken" && kind != "huggingface")
    throw Error(fmt::format("there is no package to compare {} with", kind), "--against package",
                "name a tiktoken file or a tokenizer.json");
  json question = {{"kind", kind},
                   {"file", job.file.name.starts_with(prefix) ? job.file.name.substr(prefix.size()) : job.file.name},
                   {"text", job.text},
                   {"document_bytes", job.document_bytes},
                   {"passes", 1}};
  const std::string definition = tokenizer.definition();
  if (kind == "tiktoken") question["pattern"] = json::parse(definition.substr(0, definition.find('\n'))).at("pattern");
  return {job.python, "-c", bench_tokenizer_script, question.dump()};
}

struct Answer {
  std::string version;
  double seconds = 0;
};

Answer ask_package(const std::vector<std::string>& command, const Passes& ours) {
  const json answer = json::parse(output_of(command), nullptr, /*allow_exceptions=*/false);
  try {
    if (answer.at("tokens").get<std::int64_t>() != ours.tokens || answer.at("sha256").get<std::string>() != ours.sha256)
      throw Error(fmt::format("{} gives other ids ({} of them, ours are {})", answer.at("version").get<std::string>(),
                              answer.at("tokens").get<std::int64_t>(), ours.tokens),
                  "--against package", "report this with the text: it is an error of Ergon, or a new version of the package");
    return {answer.at("version").get<std::string>(), answer.at("seconds").at(0).get<double>()};
  } catch (const json::exception& error) {
    throw Error(fmt::format("the answer of the package has no speed: {}", error.what()), "--python",
                "name a Python in which the package can be imported");
  }
}

}  // namespace

json bench_tokenizer(const TokenizerJob& job) {
  Storage storage;
  const auto tokenizer = open_tokenizer(job.file, storage);
  std::string text = text_of_file(job.text, "name a file of text");
  if (text.empty() || repair_utf8(text) > 0) throw Error("is empty or not UTF-8", job.text, "name a file of text");
  const std::vector<std::string_view> texts = documents(text, job.document_bytes);
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  const std::vector<std::string> command = job.against.empty() ? std::vector<std::string>() : package_command(job, *tokenizer);

  Passes ours = encode_all(*tokenizer, texts, 1);
  std::vector<double> seconds, theirs;
  std::string version;
  for (std::int64_t round = 1; round <= job.rounds; ++round) {
    seconds.push_back(encode_all(*tokenizer, texts, 1).seconds[0]);
    if (command.empty()) continue;
    const Answer answer = ask_package(command, ours);
    theirs.push_back(answer.seconds);
    version = answer.version;
    fmt::print(stderr, "round {}/{}: Ergon {:.2f} MB/s; {}: {:.2f} MB/s\n", round, job.rounds, megabytes / seconds.back(), version,
               megabytes / theirs.back());
  }
  json row = case_row("encode", megabytes / median(seconds), "MB/s");
  row["tokens"] = ours.tokens;
  row["bytes"] = text.size();
  if (!theirs.empty()) set_baseline(row, version + ", one thread", megabytes / median(theirs));
  return {{"schema", "ergon.bench.v1"},
          {"name", "tokenizer"},
          {"machine", {{"cpu", cpu_identity()}, {"threads", 1}}},
          {"tokenizer", {{"kind", tokenizer->kind()}, {"sha256", tokenizer->sha256()}, {"vocabulary", tokenizer->vocabulary()}}},
          {"cases", {row}}};
}

std::string bench_tokenizer_text(const json& result) {
  const json& row = result.at("cases")[0];
  std::string text = fmt::format("{:.2f} MB/s, {} ids of {} bytes\n", row.at("value").get<double>(), row.at("tokens").get<std::int64_t>(),
                                 row.at("bytes").get<std::int64_t>());
  if (!row.at("ratio").is_null())
    text += fmt::format("{:.2f} x {:.2f} MB/s ({})\n", row.at("ratio").get<double>(), row.at("baseline").at("value").get<double>(),
                        row.at("baseline").at("name").get<std::string>());
  return text;
}

}  // namespace ergon
