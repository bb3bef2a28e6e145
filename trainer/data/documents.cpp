// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/documents.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "trainer/data/utf8.hpp"

namespace ergon {
namespace {

class Visitor {
 public:
  Visitor(const InputFiles& files, const DocumentOptions& options, const std::function<void(Document&)>& visit)
      : files_(files), options_(options), visit_(visit) {}

  void piece(std::string_view text, const UnitPiece& piece) {
    document_.file = piece.file;
    line_ = piece.first_line;
    if (files_[piece.file].format == TextFormat::json_lines)
      each_line(text, [this](std::string_view line) { json(line); });
    else if (options_.rule == DocumentRule::file)
      give(text);
    else
      blocks(text);
  }

 private:
  // Lines with their ends; line_ is the number of the one that is visited.
  template <typename Visit>
  void each_line(std::string_view text, const Visit& visit) {
    for (std::size_t begin = 0, end; begin < text.size(); begin = end, ++line_) {
      end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      visit(text.substr(begin, end - begin));
    }
  }

  void blocks(std::string_view text) {
    const char* begin = nullptr;
    std::size_t size = 0;
    std::int64_t first = line_;
    const auto end_block = [&] {
      if (size > 0) give({begin, size}, first);
      size = 0;
    };
    each_line(text, [&](std::string_view line) {
      if (is_blank(line)) return end_block();
      if (size == 0) {
        begin = line.data();
        first = line_;
      }
      size += line.size();
    });
    end_block();
  }

  void json(std::string_view line) {
    if (is_blank(line)) return;
    take(line, line_);
    document_.lone_surrogates = replace_lone_surrogates(document_.text);
    document_.replaced_sequences += document_.lone_surrogates;
    document_.replaced_bytes += escape_bytes * document_.lone_surrogates;
    const auto too_deep = [&] {
      throw InputError(fmt::format("nests deeper than {} levels", deepest_json), where(), "a line is one object with texts in it",
                       ExitCode::data);
    };
    const auto object = nlohmann::json::parse(document_.text, shallow<nlohmann::json>(too_deep), false);
    if (!object.is_object()) throw InputError("is not a JSON object", where(), "a .jsonl file holds one object a line", ExitCode::data);
    if (options_.prompt_key.empty()) {
      document_.text = text_under(object, options_.text_key, "--text-key");
    } else if (options_.sources_too && object.contains("source") && !object.contains(options_.prompt_key)) {
      document_.text = text_under(object, "target", "--response-key");
      document_.prompt = text_under(object, "source", "--prompt-key");
    } else {
      document_.text = text_under(object, options_.text_key, "--response-key");
      document_.prompt = text_under(object, options_.prompt_key, "--prompt-key");
    }
    visit_(document_);
  }

  std::string text_under(const nlohmann::json& object, const std::string& key, const char* option) const {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string())
      throw InputError(fmt::format("has no text under the key \"{}\"", key), where(), fmt::format("name the key with {}", option),
                       ExitCode::data);
    return found->get<std::string>();
  }

  void give(std::string_view text, std::int64_t line = 1) {
    take(text, line);
    visit_(document_);
  }

  void take(std::string_view record, std::int64_t line) {
    document_.line = line;
    if (std::ssize(record) > options_.max_document)
      throw InputError(fmt::format("is a document of {} bytes, more than {}", record.size(), options_.max_document), where(),
                       "give a larger --max-document", ExitCode::data);
    document_.text = record;
    document_.replaced_sequences = repair_utf8(document_.text, &document_.replaced_bytes);
    document_.lone_surrogates = 0;
  }

  std::string where() const { return fmt::format("{}:{}", files_.path(document_.file), document_.line); }

  const InputFiles& files_;
  const DocumentOptions& options_;
  const std::function<void(Document&)>& visit_;
  Document document_;
  std::int64_t line_ = 1;
};

}  // namespace

const char* name(InvalidUtf8 invalid) {
  constexpr const char* names[] = {"replaced by U+FFFD", "left out", "refused"};
  return names[static_cast<std::size_t>(invalid)];
}

void for_each_document(const InputUnit& unit, const InputFiles& files, const DocumentOptions& options,
                       const std::function<void(Document&)>& visit) {
  Visitor visitor(files, options, visit);
  for (const UnitPiece& piece : unit.pieces) visitor.piece(std::string_view(unit.text).substr(piece.begin, piece.size), piece);
}

void refuse_invalid(const Document& document, const InputFiles& files, const std::string& hint) {
  const std::string escapes =
      document.lone_surrogates > 0 ? fmt::format(", {} of them escapes of lone surrogates", document.lone_surrogates) : "";
  throw InputError(fmt::format("holds a document that is not UTF-8 ({} ill-formed parts{})", document.replaced_sequences, escapes),
                   fmt::format("{}:{}", files.path(document.file), document.line), hint, ExitCode::data);
}

}  // namespace ergon
