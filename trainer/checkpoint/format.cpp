// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/format.hpp"

#include <algorithm>

#include "trainer/checkpoint/json.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/storage.hpp"

namespace ergon {

namespace {

constexpr std::string_view crc_key = ",\n \"crc32c\": \"";

Json id_json(const CheckpointId& id) { return {{"uuid", id.uuid}, {"step", id.step}, {"attempt", id.attempt}}; }

CheckpointId parse_id(const Json& json) {
  return {json.at("uuid").get<std::string>(), json.at("step").get<std::int64_t>(), json.at("attempt").get<int>()};
}

// The end of a manifest whose text before it is `body`.
std::string crc_member(const std::string& body) { return fmt::format("{}{}\"\n}}\n", crc_key, crc32c_text(crc32c(body))); }

void check_schema(const Json& json, const char* expected, const std::string& where) {
  if (json.at("schema") != expected)
    throw Corrupt(fmt::format("the schema {} is unknown, {} is expected", json.at("schema").dump(), expected), where);
}

}  // namespace

const StoredFile* Manifest::find(const std::string& name) const {
  const auto at = std::find_if(files.begin(), files.end(), [&](const StoredFile& file) { return file.name == name; });
  return at == files.end() ? nullptr : &*at;
}

std::string to_text(const RunState& state) {
  const auto value = [](const std::string& what, const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    ERGON_CHECK(!json.is_discarded(), "the {} of a checkpoint is no JSON: {}", what, text);
    return json;
  };
  Json records = Json::object();
  for (const auto& [name, text] : state.records) records[name] = value(name, text);
  const Json json{
      {"schema", "ergon.checkpoint_state.v1"},
      {"step", state.step},
      {"tokens", state.tokens.value},
      {"data", value("data state", state.data_state)},
      {"records", records},
      {"config", state.config},
      {"mesh", {{"dp", state.mesh.dp}, {"pp", state.mesh.pp}, {"cp", state.mesh.cp}, {"tp", state.mesh.tp}, {"order", state.mesh_order}}},
      {"threads", state.threads},
      {"binary", state.binary},
      {"cpu", state.cpu},
      {"ledger_lines", state.ledger_lines},
      {"health", {{"finite", state.health.finite}, {"inside_window", state.health.inside_window}}},
  };
  return json.dump(1) + "\n";
}

RunState parse_state(const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where);
  return read_json(where, [&] {
    check_schema(json, "ergon.checkpoint_state.v1", where);
    RunState state;
    json.at("step").get_to(state.step);
    json.at("tokens").get_to(state.tokens.value);
    state.data_state = json.at("data").dump();
    for (const auto& [name, value] : json.at("records").items()) state.records[name] = value.dump();
    json.at("config").get_to(state.config);
    const Json& mesh = json.at("mesh");
    state.mesh = {mesh.at("dp").get<int>(), mesh.at("pp").get<int>(), mesh.at("cp").get<int>(), mesh.at("tp").get<int>()};
    mesh.at("order").get_to(state.mesh_order);
    json.at("threads").get_to(state.threads);
    json.at("binary").get_to(state.binary);
    json.at("cpu").get_to(state.cpu);
    json.at("ledger_lines").get_to(state.ledger_lines);
    state.health = {json.at("health").at("finite").get<bool>(), json.at("health").at("inside_window").get<bool>()};
    return state;
  });
}

std::string to_text(const Manifest& manifest) {
  Json files = Json::array();
  for (const StoredFile& file : manifest.files)
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"crc32c", crc32c_text(file.crc)}});
  const Json json{
      {"schema", "ergon.checkpoint_manifest.v1"},
      {"id", id_json(manifest.id)},
      {"parent", manifest.parent ? id_json(*manifest.parent) : Json(nullptr)},
      {"run", manifest.run_uuid},
      {"health", {{"finite", manifest.health.finite}, {"inside_window", manifest.health.inside_window}}},
      {"files", files},
  };
  std::string text = json.dump(1);
  text.resize(text.size() - 2);  // without the newline and brace at the end
  return text + crc_member(text);
}

Manifest parse_manifest(const std::string& text, const std::string& where) {
  const auto at = text.rfind(crc_key);
  if (at == std::string::npos) throw Corrupt("the manifest is cut short: it has no checksum of its own", where);
  const std::string body = text.substr(0, at);
  if (text.substr(at) != crc_member(body)) throw Corrupt("the manifest's own checksum does not match", where);
  const Json json = parse_json(text, where);
  return read_json(where, [&] {
    check_schema(json, "ergon.checkpoint_manifest.v1", where);
    Manifest manifest;
    manifest.id = parse_id(json.at("id"));
    if (!json.at("parent").is_null()) manifest.parent = parse_id(json.at("parent"));
    json.at("run").get_to(manifest.run_uuid);
    manifest.health = {json.at("health").at("finite").get<bool>(), json.at("health").at("inside_window").get<bool>()};
    for (const Json& item : json.at("files")) {
      const std::optional<std::uint32_t> crc = crc32c_from_text(item.at("crc32c").get<std::string>());
      if (!crc) throw Corrupt("checksums are not hexadecimal", where);
      if (const auto name = item.at("name").get<std::string>(); !is_plain_name(name))
        throw Corrupt(fmt::format("the file name '{}' is refused: it is not one component of A-Z a-z 0-9 . _ -", shown_name(name)), where);
      manifest.files.push_back({item.at("name").get<std::string>(), item.at("bytes").get<std::int64_t>(), *crc});
    }
    return manifest;
  });
}

}  // namespace ergon
