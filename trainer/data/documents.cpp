// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/documents.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

bool is_json_lines(const std::string& path) { return path.ends_with(".jsonl") || path.ends_with(".ndjson"); }

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

void refuse_compressed(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char head[4] = {};
  file.read(head, 4);
  const std::string_view bytes(head, 4);
  if (bytes.starts_with("\x1f\x8b") || bytes == "\x28\xb5\x2f\xfd" || bytes == "\xfd\x37\x7a\x58" || bytes.starts_with("PK\x03\x04"))
    throw Error("is compressed", path, "decompress it first, for instance with gunzip, unzstd, unxz or unzip", ExitCode::data);
}

}  // namespace

Documents::Documents(const DocumentOptions& options) : options_(options) {
  for (const std::string& input : options.inputs) {
    std::error_code problem;
    const auto status = fs::status(input, problem);
    if (!fs::exists(status)) throw Error("does not exist", input, "check the path of the input", ExitCode::data);
    std::vector<Input> found;
    if (fs::is_directory(status)) {
      for (const auto& entry : fs::recursive_directory_iterator(input, problem))
        if (entry.is_regular_file(problem)) found.push_back({entry.path().string(), fs::relative(entry.path(), input).generic_string()});
      if (problem)
        throw Error(fmt::format("cannot be read ({})", problem.message()), input, "check the permissions of this folder and of those in it",
                    ExitCode::data);
      if (found.empty()) throw Error("holds no file", input, "name a folder with text files", ExitCode::data);
      std::ranges::sort(found, {}, &Input::name);
    } else {
      found.push_back({input, fs::path(input).filename().string()});
    }
    for (const Input& file : found) {
      total_bytes_ += static_cast<std::int64_t>(fs::file_size(file.path, problem));
      if (problem)
        throw Error(fmt::format("is not a file ({})", problem.message()), file.path, "name files or folders of text", ExitCode::data);
      refuse_compressed(file.path);
    }
    inputs_.insert(inputs_.end(), found.begin(), found.end());
  }
}

bool Documents::open_next() {
  if (hash_) {
    if (file_.bad()) throw Error("reading stopped before the end", inputs_[current_ - 1].path, "the disk is at fault", ExitCode::data);
    sources_.push_back({inputs_[current_ - 1].name, file_bytes_, hash_->hex()});
    hash_.reset();
  }
  if (current_ == inputs_.size()) return false;
  const Input& input = inputs_[current_++];
  file_ = std::ifstream(input.path, std::ios::binary);
  if (!file_) throw Error("cannot be opened for reading", input.path, "check its permissions", ExitCode::data);
  hash_ = std::make_unique<Sha256>();
  file_bytes_ = line_number_ = 0;
  return true;
}

// A line with its end.
bool Documents::line(std::string& text) {
  if (!std::getline(file_, text)) return false;
  if (!file_.eof()) text.push_back('\n');
  hash_->add(text);
  file_bytes_ += std::ssize(text);
  bytes_read_ += std::ssize(text);
  ++line_number_;
  return true;
}

bool Documents::next_file(std::string& text) {
  if (file_bytes_ > 0 || file_.eof()) return false;
  text.clear();
  for (std::string part(1 << 20, '\0'); file_.read(part.data(), std::ssize(part)) || file_.gcount() > 0;) {
    const std::string_view got(part.data(), static_cast<std::size_t>(file_.gcount()));
    text.append(got);
    hash_->add(got);
  }
  file_bytes_ = std::ssize(text);
  bytes_read_ += file_bytes_;
  return true;
}

bool Documents::next_block(std::string& text) {
  text.clear();
  for (std::string one; line(one);) {
    if (!is_blank(one))
      text += one;
    else if (!text.empty())
      return true;
  }
  return !text.empty();
}

bool Documents::next_json(std::string& text) {
  for (std::string one; line(one);) {
    if (is_blank(one)) continue;
    const std::string where = fmt::format("{}:{}", inputs_[current_ - 1].path, line_number_);
    const auto object = nlohmann::json::parse(one, nullptr, false);
    if (!object.is_object()) throw Error("is not a JSON object", where, "a .jsonl file holds one object a line", ExitCode::data);
    const auto found = object.find(options_.text_key);
    if (found == object.end() || !found->is_string())
      throw Error(fmt::format("has no text under the key \"{}\"", options_.text_key), where, "name the key with --text-key",
                  ExitCode::data);
    text = found->get<std::string>();
    return true;
  }
  return false;
}

bool Documents::next(std::string& text) {
  while (true) {
    if (hash_) {
      const bool json = is_json_lines(inputs_[current_ - 1].path);
      if (json ? next_json(text) : options_.rule == DocumentRule::file ? next_file(text) : next_block(text)) return true;
    }
    if (!open_next()) return false;
  }
}

}  // namespace ergon
