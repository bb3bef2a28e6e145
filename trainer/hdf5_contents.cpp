// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5_contents.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "configs/shallow_json.hpp"
#include "trainer/storage_error.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* schema = "ergon.h5-layout.v1";

Hdf5Type parse_type(const std::string& text) {
  for (const Hdf5Type type : all_hdf5_types)
    if (text == name(type)) return type;
  throw std::invalid_argument("type " + text);
}

std::int64_t parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) throw std::invalid_argument("integer " + text);
  return value;
}

Hdf5Contents parse(const Json& json) {
  Hdf5Contents contents;
  for (const Json& item : json.at("datasets")) {
    Hdf5Extent extent{parse_type(item.at("type").get<std::string>()), {}, 0, 0};
    item.at("shape").get_to(extent.shape);
    item.at("offset").get_to(extent.offset);
    item.at("bytes").get_to(extent.bytes);
    contents.datasets.emplace(item.at("name").get<std::string>(), std::move(extent));
  }
  for (const Json& item : json.at("attributes")) {
    Hdf5Attribute attribute;
    if (item.contains("text")) attribute.text = item.at("text").get<std::string>();
    if (item.contains("integer")) attribute.integer = parse_integer(item.at("integer").get<std::string>());
    contents.attributes.emplace(item.at("name").get<std::string>(), std::move(attribute));
  }
  return contents;
}

}  // namespace

const Hdf5Extent& Hdf5Contents::dataset(const std::string& name, Hdf5Type type, int rank, const std::string& path) const {
  const auto found = datasets.find(name);
  if (found == datasets.end()) refuse_hdf5("has no " + name, path);
  const Hdf5Extent& extent = found->second;
  if (extent.type != type) refuse_hdf5(fmt::format("{} is not of type {}", name, ergon::name(type)), path);
  if (std::ssize(extent.shape) != rank) refuse_hdf5(fmt::format("{} does not have {} dimensions", name, rank), path);
  return extent;
}

const std::string& Hdf5Contents::text(const std::string& attribute, const std::string& path) const {
  const auto found = attributes.find(attribute);
  if (found == attributes.end()) refuse_hdf5("has no attribute " + attribute, path);
  if (!found->second.text) refuse_hdf5(fmt::format("attribute {} is not one string of fixed length", attribute), path);
  return *found->second.text;
}

std::int64_t Hdf5Contents::integer(const std::string& attribute, const std::string& path) const {
  const auto found = attributes.find(attribute);
  if (found == attributes.end()) refuse_hdf5("has no attribute " + attribute, path);
  if (!found->second.integer) refuse_hdf5(fmt::format("attribute {} is not one 64-bit integer", attribute), path);
  return *found->second.integer;
}

std::string to_text(const Hdf5Contents& contents) {
  Json datasets = Json::array(), attributes = Json::array();
  for (const auto& [name, extent] : contents.datasets)
    datasets.push_back(
        {{"name", name}, {"type", ergon::name(extent.type)}, {"shape", extent.shape}, {"offset", extent.offset}, {"bytes", extent.bytes}});
  for (const auto& [name, attribute] : contents.attributes) {
    Json item{{"name", name}};
    if (attribute.text) item["text"] = *attribute.text;
    if (attribute.integer) item["integer"] = std::to_string(*attribute.integer);
    if (!attribute.text && !attribute.integer) item["other"] = true;
    attributes.push_back(std::move(item));
  }
  return Json{{"schema", schema}, {"datasets", datasets}, {"attributes", attributes}}.dump(1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::string refusal_text(const Error& error) {
  Json answer{{"schema", schema}, {"error", error.problem()}};
  if (const auto* call = dynamic_cast<const CallError*>(&error)) answer["errno"] = call->number();
  return answer.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Hdf5Contents parse_hdf5_contents(const std::string& text, const std::string& path) {
  try {
    const Json json = Json::parse(text, shallow<Json>([&] { refuse_hdf5("is described by JSON that nests too deep", path); }));
    if (json.at("schema") != schema) throw std::invalid_argument("schema");
    if (!json.contains("error")) return parse(json);
    const auto problem = json.at("error").get<std::string>();
    if (json.contains("errno")) fail_inside(problem, path, json.at("errno").get<int>());
    refuse_hdf5(problem, path);
  } catch (const nlohmann::json::exception& error) {
    refuse_hdf5(fmt::format("the process that read this file answered nonsense ({})", error.what()), path);
  } catch (const std::invalid_argument& error) {
    refuse_hdf5(fmt::format("the process that read this file answered nonsense ({})", error.what()), path);
  }
}

void check_inside(const Hdf5Contents& contents, std::int64_t file_bytes, const std::string& path) {
  for (const auto& [name, extent] : contents.datasets) {
    std::int64_t bytes = size_of(extent.type);
    for (const std::int64_t length : extent.shape)
      if (length < 0 || __builtin_mul_overflow(bytes, length, &bytes)) refuse_hdf5(name + " has an impossible shape", path);
    if (bytes != extent.bytes) refuse_hdf5(fmt::format("{} has {} bytes, its shape says {}", name, extent.bytes, bytes), path);
    if (bytes == 0) continue;
    if (extent.offset < 0 || bytes > file_bytes || extent.offset > file_bytes - bytes)
      refuse_hdf5(fmt::format("{} ({} bytes) does not lie inside the file ({} bytes)", name, bytes, file_bytes), path);
  }
}

void refuse_hdf5(const std::string& what, const std::string& path) {
  throw Error(what, path, "the file is not one that Ergon wrote, or it is damaged: make it again", ExitCode::data);
}

}  // namespace ergon
