// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/safetensors.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "configs/error.hpp"
#include "trainer/storage.hpp"

namespace ergon {

namespace {

using at::ScalarType;

constexpr std::int64_t header_limit = 100'000'000;
constexpr const char* header_way_out = "the file is damaged, or not what its name says; fetch or export it again";

struct DTypeName {
  const char* name;
  std::int64_t size;
  std::optional<ScalarType> held;  // by checkpoints
};
constexpr std::array dtype_names = {
    DTypeName{"F64", 8, ScalarType::Double},    DTypeName{"F32", 4, ScalarType::Float}, DTypeName{"F16", 2, ScalarType::Half},
    DTypeName{"BF16", 2, ScalarType::BFloat16}, DTypeName{"I64", 8, ScalarType::Long},  DTypeName{"U8", 1, ScalarType::Byte},
    DTypeName{"I32", 4, std::nullopt},          DTypeName{"I16", 2, std::nullopt},      DTypeName{"I8", 1, std::nullopt},
    DTypeName{"U64", 8, std::nullopt},          DTypeName{"U32", 4, std::nullopt},      DTypeName{"U16", 2, std::nullopt},
    DTypeName{"BOOL", 1, std::nullopt},         DTypeName{"F8_E4M3", 1, std::nullopt},  DTypeName{"F8_E5M2", 1, std::nullopt}};

const DTypeName* find_dtype(const std::string& name) {
  const auto at = std::find_if(dtype_names.begin(), dtype_names.end(), [&](const DTypeName& row) { return name == row.name; });
  return at == dtype_names.end() ? nullptr : &*at;
}

[[noreturn]] void refuse_safetensors(const std::string& what, const std::string& where) {
  throw Error(what, where, header_way_out, ExitCode::data);
}

// Takes the header apart event by event; anything that does not belong there ends it at once.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderEvents(const std::string& where) : where_(where) {}
  std::vector<SafetensorsEntry> take() { return std::move(entries_); }

  bool null() override { return unexpected(); }
  bool boolean(bool) override { return unexpected(); }
  bool number_integer(number_integer_t) override { return unexpected(); }
  bool number_float(number_float_t, const string_t&) override { return unexpected(); }
  bool binary(binary_t&) override { return unexpected(); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr std::size_t most_dims = 8;
    if (place_ != Place::list || value > static_cast<std::uint64_t>(INT64_MAX)) return unexpected();
    if (numbers_.size() == most_dims) refuse_safetensors(fmt::format("tensor '{}' has more than {} dims", shown(), most_dims), where_);
    numbers_.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) return true;
    if (place_ != Place::tensor || key_ != "dtype") return unexpected();
    entries_.back().dtype = text;
    return true;
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return enter(Place::top);
    if (place_ != Place::top) return unexpected();
    if (name_ == "__metadata__") return enter(Place::metadata);
    entries_.push_back({name_, "", {}, 0, 0});
    keys_.clear();
    return enter(Place::tensor);
  }
  bool key(string_t& text) override {
    if (place_ == Place::metadata) return true;
    if (place_ == Place::top) {
      name_ = text;
      if (!names_.insert(text).second) refuse_safetensors(fmt::format("tensor '{}' stands there twice", shown()), where_);
      return true;
    }
    key_ = text;
    if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
      refuse_safetensors(fmt::format("tensor '{}' has the key '{}'", shown(), shown_name(key_)), where_);
    if (!keys_.insert(key_).second) refuse_safetensors(fmt::format("tensor '{}' has '{}' twice", shown(), key_), where_);
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor && keys_.size() != 3)
      refuse_safetensors(fmt::format("tensor '{}' lacks dtype, shape or data_offsets", shown()), where_);
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") return unexpected();
    numbers_.clear();
    return enter(Place::list);
  }
  bool end_array() override {
    place_ = Place::tensor;
    SafetensorsEntry& entry = entries_.back();
    if (key_ == "shape") {
      entry.shape = numbers_;
    } else {
      if (numbers_.size() != 2) return unexpected();
      entry.begin = numbers_[0];
      entry.end = numbers_[1];
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    refuse_safetensors(fmt::format("the header is no JSON from its byte {} on", position), where_);
  }

 private:
  enum class Place : std::uint8_t { outside, top, metadata, tensor, list };

  bool enter(Place place) {
    place_ = place;
    return true;
  }
  bool unexpected() const {
    refuse_safetensors(
        names_.empty() ? "the header is no table of tensors" : fmt::format("the header does not describe tensor '{}'", shown()), where_);
  }
  std::string shown() const { return shown_name(name_.substr(0, 200)); }

  const std::string& where_;
  Place place_ = Place::outside;
  std::string name_, key_;
  std::set<std::string> names_, keys_;
  Extents numbers_;
  std::vector<SafetensorsEntry> entries_;
};

void check_bytes(const SafetensorsEntry& entry, const std::string& where) {
  const DTypeName* dtype = find_dtype(entry.dtype);
  const std::string name = shown_name(entry.name.substr(0, 200));
  if (dtype == nullptr)
    refuse_safetensors(fmt::format("tensor '{}' has the unknown dtype '{}'", name, shown_name(entry.dtype.substr(0, 200))), where);
  std::int64_t bytes = dtype->size;
  for (const std::int64_t extent : entry.shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes)) refuse_safetensors(fmt::format("tensor '{}' has an impossible shape", name), where);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes)
    refuse_safetensors(fmt::format("tensor '{}' has {} bytes by its shape and another number by its offsets", name, bytes), where);
}

}  // namespace

std::int64_t safetensors_header_bytes(std::span<const std::byte> prefix, std::int64_t file_bytes, const std::string& where) {
  if (file_bytes < safetensors_prefix || prefix.size() < safetensors_prefix)
    refuse_safetensors("the file is too short to be safetensors", where);
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < safetensors_prefix; ++i) length |= static_cast<std::uint64_t>(prefix[i]) << (8 * i);
  if (length > header_limit)
    refuse_safetensors(fmt::format("a header of {} bytes is refused, the limit is {}", length, header_limit), where);
  if (static_cast<std::int64_t>(length) > file_bytes - safetensors_prefix)
    refuse_safetensors("the header ends behind the end of the file", where);
  return static_cast<std::int64_t>(length);
}

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header, std::int64_t data_bytes, const std::string& where) {
  HeaderEvents events(where);
  nlohmann::json::sax_parse(header, &events);
  std::vector<SafetensorsEntry> entries = events.take();
  for (const SafetensorsEntry& entry : entries) check_bytes(entry, where);
  std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::int64_t covered = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != covered)
      refuse_safetensors(fmt::format("tensor '{}' begins at byte {}, where {} is due: a hole or an overlap",
                                     shown_name(entry.name.substr(0, 200)), entry.begin, covered),
                         where);
    covered = entry.end;
  }
  if (covered != data_bytes)
    refuse_safetensors(fmt::format("the tensors have {} bytes, the file has {} for them", covered, data_bytes), where);
  return entries;
}

std::string safetensors_start(std::vector<SafetensorsEntry>& entries) {
  nlohmann::ordered_json json{{"__metadata__", {{"format", "pt"}}}};
  std::int64_t at = 0;
  for (SafetensorsEntry& entry : entries) {
    const DTypeName* dtype = find_dtype(entry.dtype);
    ERGON_CHECK(dtype != nullptr, "safetensors knows no dtype {}", entry.dtype);
    entry.begin = at;
    entry.end = at += num_elements(entry.shape) * dtype->size;
    json[entry.name] = {{"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string header = json.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string start;
  for (int i = 0; i < safetensors_prefix; ++i) start += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return start + header;
}

std::string safetensors_dtype(at::ScalarType dtype) {
  const auto at = std::find_if(dtype_names.begin(), dtype_names.end(), [&](const DTypeName& row) { return row.held == dtype; });
  ERGON_CHECK(at != dtype_names.end(), "checkpoints hold no tensors of dtype {}", c10::toString(dtype));
  return at->name;
}

std::optional<at::ScalarType> scalar_type_of(const std::string& name) {
  const DTypeName* dtype = find_dtype(name);
  return dtype != nullptr ? dtype->held : std::nullopt;
}

}  // namespace ergon
