// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/import.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "configs/error.hpp"
#include "trainer/data/duplicates.hpp"
#include "trainer/data/import_tokenizer.hpp"
#include "trainer/data/token_store_format.hpp"

namespace ergon {
namespace {

void check_options(const ImportOptions& options) {
  if (options.documents.inputs.empty()) throw Error("no input", "data import", "name files or folders of text");
  check_fractions(options.splits);
  if (options.vocabulary < 300 || options.vocabulary > 1'000'000)
    throw Error(fmt::format("{} pieces are out of range", options.vocabulary), "--vocab", "give 300 to 1000000 (256 of them are bytes)");
  if (options.documents.max_document < 1 || options.documents.max_document > 1 << 30)
    throw Error(fmt::format("{} bytes are out of range", options.documents.max_document), "--max-document", "give 1 byte to 1024 MiB");
  if (options.threads < 0 || options.threads > 1024)
    throw Error(fmt::format("{} threads are out of range", options.threads), "--threads", "give 1 to 1024");
}

// The text around the list of files, which may be long: keys in order, as a JSON library would write them.
std::string sources_json(const InputFiles& files, const std::vector<SourceFile>& sources, const ShardPlan& plan,
                         const ImportOptions& options) {
  const auto dump = [](const nlohmann::json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); };
  std::string text = "{";
  if (options.deduplicate) text += "\"deduplicate\":true,";
  text += fmt::format("\"documents\":\"{}\",\"files\":[", options.documents.rule == DocumentRule::file ? "file" : "blank-line");
  for (std::int64_t file = plan.first_file; file < plan.end_file; ++file) {
    const SourceFile& source = sources[static_cast<std::size_t>(file)];
    if (file > plan.first_file) text += ',';
    text += dump({{"name", files[file].name}, {"bytes", source.bytes}, {"sha256", source.sha256}});
  }
  return text + fmt::format("],\"invalid_utf8\":\"{}\",\"test\":{},\"text_key\":{},\"valid\":{}}}", name(options.invalid_utf8),
                            dump(options.splits.test), dump(options.documents.text_key), dump(options.splits.validation));
}

// What the segments of the spool depend on besides the text itself; keys as the line names them.
nlohmann::json plan_of(const ImportOptions& options, const InputFiles& files) {
  return {{"version", 1},
          {"input (names and sizes)", files.digest()},
          {"--documents", static_cast<int>(options.documents.rule)},
          {"--text-key", options.documents.text_key},
          {"--format", static_cast<int>(options.documents.format)},
          {"--tokenizer", options.tokenizer.name},
          {"--end-of-document", options.tokenizer.end_of_document},
          {"--tokenizer-pattern", options.tokenizer.pattern},
          {"--vocab", options.vocabulary},
          {"--train-text", options.training_text.value},
          {"--valid", options.splits.validation},
          {"--test", options.splits.test},
          {"--invalid-utf8", static_cast<int>(options.invalid_utf8)}};
}

ImportSummary count(const std::vector<SegmentCounts>& units, const SpooledDocuments& documents) {
  ImportSummary summary;
  for (const SegmentCounts& unit : units) {
    summary.empty_documents += unit.empty_documents;
    summary.invalid_documents += unit.invalid_documents;
    summary.repaired_documents += unit.repaired_documents;
    summary.replaced_sequences += unit.replaced_sequences;
    summary.replaced_bytes += unit.replaced_bytes;
  }
  documents.each(0, documents.size(), [&](std::int64_t, const SpoolDocument& one) {
    summary.text.value += one.text_bytes;
    ++summary.documents[one.split];
    summary.tokens[one.split] += one.tokens;
  });
  for (std::int64_t kept : summary.documents) summary.duplicates -= kept;
  summary.duplicates += documents.size();
  return summary;
}

TokenStoreInfo totals(const WrittenOutput& output, const Tokenizer& tokenizer) {
  TokenStoreInfo info = token_store_info(tokenizer);
  Dataset dataset;
  for (const TokenStoreInfo& store : output.stores) {
    info.tokens += store.tokens;
    info.documents += store.documents;
    dataset.shards.push_back({"", store.uuid, store.content_hash, store.tokens, store.documents});
  }
  info.uuid = is_dataset_file(output.path) ? dataset.uuid() : output.stores.front().uuid;
  if (!is_dataset_file(output.path)) info.content_hash = output.stores.front().content_hash;
  return info;
}

// Spool to stores.
ImportSummary assemble(const ImportOptions& options, const ImportOutput& output, const InputFiles& files,
                       const std::vector<SourceFile>& sources, const std::vector<SegmentCounts>& units, const Spool& spool,
                       const Tokenizer& tokenizer, Storage& storage, const ProgressSink& progress) {
  std::vector<std::int64_t> by_unit;
  std::int64_t all = 0;
  for (const SegmentCounts& unit : units) all += by_unit.emplace_back(unit.documents);
  std::vector<bool> duplicate;
  if (options.deduplicate) duplicate = find_duplicates(spool, std::ssize(units), all, storage);
  const SpooledDocuments documents(spool, std::move(by_unit), std::move(duplicate));
  ImportSummary summary = count(units, documents);
  const auto plans = plan_shards(documents, options.shards, spool.token_bytes(), files.size());
  ImportProgress now{"write", {0}, {2 * (summary.tokens[0] + summary.tokens[1] + summary.tokens[2]) * spool.token_bytes()}};
  const WrittenOutput written = write_output(
      output, spool.folder(), documents, plans, tokenizer,
      [&](const ShardPlan& plan) { return sources_json(files, sources, plan, options); }, storage,
      [&](std::int64_t bytes) {
        now.done.value += bytes;
        if (progress) progress(now);
      });
  summary.written = written.path;
  summary.shards = std::ssize(written.stores);
  summary.files = files.size();
  summary.store = totals(written, tokenizer);
  return summary;
}

ImportSummary import_into(IngestFolder& folder, const ImportOptions& options, const ImportOutput& output, const InputFiles& files,
                          Storage& storage, const ProgressSink& progress) {
  nlohmann::json plan = plan_of(options, files);
  if (folder.begun()) folder.bind(plan);
  const auto tokenizer = import_tokenizer(options, files, folder, storage, progress);
  plan["tokenizer (SHA-256)"] = tokenizer->sha256();
  const Digest digest = folder.bind(plan);
  const Spool spool(folder.path(), digest, token_bytes(tokenizer->vocabulary()), storage);
  UnitReader reader(files, options.documents, storage);
  const int threads = options.threads > 0 ? options.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const IngestTask task{files, options.documents, *tokenizer, options.invalid_utf8, options.splits, threads};
  const std::vector<SegmentCounts> units = ingest(reader, task, spool, progress);
  spool.refuse_beyond(std::ssize(units));
  if (std::ranges::all_of(units, [](const SegmentCounts& unit) { return unit.documents == 0; })) {
    folder.remove();  // there is nothing to go on from
    throw Error("there is no document in the input", options.output, "name files that hold text; empty documents are left out",
                ExitCode::data);
  }
  return assemble(options, output, files, reader.sources(), units, spool, *tokenizer, storage, progress);
}

// Else the next import would read stores and work files of this one as text.
void check_output_is_outside(const ImportOptions& options) {
  std::error_code unseen;  // of what cannot be looked at, the import itself speaks
  const auto plain = [&](const std::string& path) { return std::filesystem::weakly_canonical(path, unseen); };
  const std::filesystem::path output = plain(options.output);
  for (const std::string& input : options.documents.inputs) {
    if (input == standard_input || !std::filesystem::is_directory(input, unseen)) continue;
    const std::filesystem::path folder = plain(input);
    if (!folder.empty() && std::ranges::mismatch(folder, output).in1 == folder.end())
      throw Error("lies inside the input folder " + input, options.output, "name an output outside of what is imported", ExitCode::config);
  }
}

// A work folder without a plan holds nothing to go on with: an import that was killed while it removed it had finished.
void remove_what_a_finished_one_left(const ImportOutput& output, Storage& storage) {
  if (!storage.exists(output.work_folder())) return;
  IngestFolder left(output.work_folder(), Begin::resume, storage);
  if (!left.begun()) left.remove();
}

}  // namespace

ImportSummary import_text(const ImportOptions& options, Storage& storage, const ProgressSink& progress) {
  check_options(options);
  check_output_is_outside(options);
  const ImportOutput output(options.output);
  remove_what_a_finished_one_left(output, storage);
  output.check(options.existing, storage);
  const InputFiles files(options.documents.inputs, options.documents.format);
  const bool once = files.reads_standard_input();
  IngestFolder folder(output.work_folder(), once ? Begin::fresh : options.begin, storage);
  try {
    const ImportSummary summary = import_into(folder, options, output, files, storage, progress);
    folder.remove();
    return summary;
  } catch (const std::exception&) {
    if (once || !folder.begun()) folder.remove();
    throw;
  }
}

std::string resumable_folder(const ImportOptions& options, Storage& storage) {
  const std::string folder = ImportOutput(options.output).work_folder();
  return storage.exists(folder + "/plan.json") ? folder : "";
}

}  // namespace ergon
