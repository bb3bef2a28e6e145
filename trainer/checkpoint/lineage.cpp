// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/lineage.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "configs/whole_lines.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/storage_link.hpp"

namespace ergon {

namespace {

std::string lineage_path(const std::string& run_folder) { return run_folder + "/lineage.jsonl"; }

constexpr std::string_view lineage_crc_key = ",\"crc32c\":\"";

std::string to_line(const LineageRecord& record) {
  const bool resume = record.event == LineageRecord::Event::resume;
  Json json{{"event", resume ? "resume" : "abandon"}, {"attempt", record.attempt}, {"from_step", record.from_step}};
  if (resume) json["uuid"] = record.uuid;
  if (record.skip) json["skip"] = {record.skip->begin, record.skip->end};
  std::string line = json.dump();
  line.pop_back();  // the brace
  return fmt::format("{}{}{}\"}}\n", line, lineage_crc_key, crc32c_text(crc32c(line)));
}

// A record without a checksum is of an Ergon that wrote none.
void check_checksum(const std::string& line, const std::string& where) {
  const auto at = line.rfind(lineage_crc_key);
  if (at == std::string::npos) return;
  if (line.substr(at + lineage_crc_key.size()) != crc32c_text(crc32c(line.substr(0, at))) + "\"}")
    throw Corrupt("the checksum of this record does not match", where);
}

LineageRecord parse_line(const std::string& line, const std::string& where) {
  const Json json = parse_json(line, where);
  check_checksum(line, where);
  return read_json(where, [&] {
    const std::string event = json.at("event").get<std::string>();
    if (event != "resume" && event != "abandon") throw Corrupt(fmt::format("the event '{}' is unknown", event), where);
    LineageRecord record;
    record.event = event == "resume" ? LineageRecord::Event::resume : LineageRecord::Event::abandon;
    json.at("attempt").get_to(record.attempt);
    json.at("from_step").get_to(record.from_step);
    if (event == "resume") json.at("uuid").get_to(record.uuid);
    if (json.contains("skip")) record.skip = SampleRange{json["skip"].at(0), json["skip"].at(1)};
    if (record.skip && record.skip->begin >= record.skip->end) throw Corrupt("an empty range of samples is skipped", where);
    return record;
  });
}

}  // namespace

std::string make_uuid() {
  std::array<unsigned char, 16> bytes;
  ssize_t count;
  do count = ::getrandom(bytes.data(), bytes.size(), 0);
  while (count < 0 && errno == EINTR);
  ERGON_CHECK(count == static_cast<ssize_t>(bytes.size()), "getrandom gave {} bytes", count);
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string run_identity(Storage& storage, const std::string& run_folder) {
  const std::string path = run_folder + "/uuid";
  if (!storage.exists(path)) {
    storage.make_directories(run_folder);
    storage.write_text(path, make_uuid() + "\n");
  }
  std::string text = storage.read_text(path);
  if (text.size() != 33 || text.find_first_not_of("0123456789abcdef") != 32 || text.back() != '\n') {
    throw Error("this is not the uuid of a run", path, "it has 32 hexadecimal digits; MANIFEST.json of any checkpoint has it under `run`",
                ExitCode::data);
  }
  text.pop_back();
  return text;
}

int newest_attempt(Storage& storage, const std::string& run_folder) {
  const std::string folder = run_folder + "/attempts";
  int newest = 0;
  if (!storage.exists(folder)) return newest;
  for (const std::string& name : storage.list(folder)) {
    int number = 0;
    const char* last = name.data() + name.size();
    if (name.size() < 5 || name[0] != 'a') continue;
    const auto [end, error] = std::from_chars(name.data() + 1, last, number);
    if (error == std::errc() && end == last) newest = std::max(newest, number);
  }
  return newest;
}

bool claim_attempt(Storage& storage, const std::string& run_folder, int attempt) {
  const std::string folder = run_folder + "/attempts";
  const std::string path = fmt::format("{}/a{:04}", folder, attempt);
  storage.make_directories(folder);
  if (!ensure_directory(storage, path)) return false;
  storage.sync_directory(folder);
  return true;
}

bool Lineage::contains(const CheckpointId& id) const {
  return std::none_of(records.begin(), records.end(), [&](const LineageRecord& record) {
    if (record.event == LineageRecord::Event::abandon) return id.attempt <= record.attempt && id.step >= record.from_step;
    return id.attempt < record.attempt && id.step > record.from_step;
  });
}

std::vector<SampleRange> Lineage::returns() const {
  std::vector<SampleRange> ranges;
  for (const LineageRecord& record : records) {
    if (record.event != LineageRecord::Event::abandon) continue;
    if (record.skip) ranges.push_back(*record.skip);
    if (!record.skip && record.from_step == 0) ranges.clear();
  }
  return ranges;
}

Lineage read_lineage(Storage& storage, const std::string& run_folder) {
  Lineage lineage;
  const std::string path = lineage_path(run_folder);
  if (!storage.exists(path)) return lineage;
  const std::string text = storage.read_text(path);
  const std::size_t whole = lines_but_a_torn_last(text);
  lineage.torn_lines = whole < text.size() ? 1 : 0;
  int number = 0;
  for (std::size_t begin = 0; begin < whole;) {
    const std::size_t end = text.find('\n', begin);
    lineage.records.push_back(parse_line(text.substr(begin, end - begin), fmt::format("{}:{}", path, ++number)));
    begin = end + 1;
  }
  return lineage;
}

void append_lineage(Storage& storage, const std::string& run_folder, const LineageRecord& record) {
  const std::string path = lineage_path(run_folder);
  const bool is_new = !storage.exists(path);
  const Storage::File file = storage.open_append(path);
  const std::string text = storage.read_text(file);
  const std::size_t whole = lines_but_a_torn_last(text);
  if (whole < text.size()) {
    storage.truncate(file, static_cast<std::int64_t>(whole));
    storage.sync(file);  // or a page of the torn line stands in the new one after the next crash
  }
  storage.append(file, to_line(record));
  storage.sync(file);
  if (is_new) storage.sync_directory(run_folder);
}

}  // namespace ergon
