// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/storage.hpp"

namespace ergon {

namespace {

struct DTypeRow {
  at::ScalarType dtype;
  const char* name;
  std::int64_t size;
};
constexpr std::array dtype_rows = {
    DTypeRow{at::ScalarType::Float, "float32", 4},     DTypeRow{at::ScalarType::Double, "float64", 8},
    DTypeRow{at::ScalarType::BFloat16, "bfloat16", 2}, DTypeRow{at::ScalarType::Half, "float16", 2},
    DTypeRow{at::ScalarType::Long, "int64", 8},        DTypeRow{at::ScalarType::Byte, "uint8", 1},
};

const DTypeRow& row_of(at::ScalarType dtype) {
  const auto row = std::find_if(dtype_rows.begin(), dtype_rows.end(), [&](const DTypeRow& r) { return r.dtype == dtype; });
  ERGON_CHECK(row != dtype_rows.end(), "checkpoints hold no tensors of dtype {}", c10::toString(dtype));
  return *row;
}

at::ScalarType parse_dtype(const std::string& name, const std::string& where) {
  const auto row = std::find_if(dtype_rows.begin(), dtype_rows.end(), [&](const DTypeRow& r) { return name == r.name; });
  if (row == dtype_rows.end()) throw Corrupt(fmt::format("the dtype '{}' is unknown", name), where);
  return row->dtype;
}

std::string crcs_text(const std::vector<std::uint32_t>& crcs) {
  std::string text;
  for (const std::uint32_t crc : crcs) text += crc32c_text(crc);
  return text;
}

std::vector<std::uint32_t> parse_crcs(const std::string& text, const std::string& where) {
  std::vector<std::uint32_t> crcs;
  for (std::size_t i = 0; i < text.size(); i += 8) {
    const std::optional<std::uint32_t> crc = crc32c_from_text(std::string_view(text).substr(i, 8));
    if (!crc) throw Corrupt("checksums are not hexadecimal", where);
    crcs.push_back(*crc);
  }
  return crcs;
}

Json tensor_json(const StoredTensor& tensor) {
  Json pieces = Json::array();
  for (const StoredPiece& stored : tensor.pieces) {
    pieces.push_back({{"box", {{"offset", stored.piece.box.offset}, {"extent", stored.piece.box.extent}}},
                      {"range", {stored.piece.range.begin, stored.piece.range.end}},
                      {"file", stored.file},
                      {"dataset", stored.dataset},
                      {"offset", stored.offset},
                      {"bytes", stored.bytes},
                      {"crc32c", crcs_text(stored.crcs)}});
  }
  return {{"name", tensor.name}, {"dtype", stored_dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"pieces", pieces}};
}

StoredTensor parse_tensor(const Json& json, const std::string& where) {
  StoredTensor tensor;
  json.at("name").get_to(tensor.name);
  tensor.dtype = parse_dtype(json.at("dtype").get<std::string>(), where);
  json.at("shape").get_to(tensor.shape);
  for (const Json& item : json.at("pieces")) {
    StoredPiece stored;
    item.at("box").at("offset").get_to(stored.piece.box.offset);
    item.at("box").at("extent").get_to(stored.piece.box.extent);
    stored.piece.range = {item.at("range").at(0).get<std::int64_t>(), item.at("range").at(1).get<std::int64_t>()};
    item.at("file").get_to(stored.file);
    item.at("dataset").get_to(stored.dataset);
    item.at("offset").get_to(stored.offset);
    item.at("bytes").get_to(stored.bytes);
    stored.crcs = parse_crcs(item.at("crc32c").get<std::string>(), where);
    tensor.pieces.push_back(std::move(stored));
  }
  return tensor;
}

// The product of the extents, or -1 when one is negative or the product does not fit: sizes in a file are not to be trusted.
std::int64_t safe_elements(const Extents& shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(product, extent, &product)) return -1;
  }
  return product;
}

void check_piece(const StoredTensor& tensor, const StoredPiece& stored, const std::string& where, const Manifest& manifest) {
  const auto refuse = [&](const std::string& why) { throw Corrupt(fmt::format("a piece of tensor {} {}", tensor.name, why), where); };
  const ShardBox& box = stored.piece.box;
  const ElementRange range = stored.piece.range;
  if (box.offset.size() != tensor.shape.size() || box.extent.size() != tensor.shape.size()) refuse("has another number of dims");
  for (std::size_t dim = 0; dim < tensor.shape.size(); ++dim) {
    if (box.offset[dim] < 0 || box.extent[dim] < 0 || box.extent[dim] > tensor.shape[dim] ||
        box.offset[dim] > tensor.shape[dim] - box.extent[dim]) {
      refuse("lies outside it");
    }
  }
  if (range.begin < 0 || range.begin >= range.end || range.end > safe_elements(box.extent)) refuse("has a wrong range");
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(range.size(), dtype_size(tensor.dtype), &bytes) || bytes != stored.bytes) refuse("has a wrong length");
  const StoredFile* file = manifest.find(stored.file);
  if (!file) refuse(fmt::format("is in '{}', which the manifest does not have", shown_name(stored.file)));
  if (stored.offset < 0 || stored.offset > file->bytes - stored.bytes) refuse(fmt::format("lies outside {}", stored.file));
  if (static_cast<std::int64_t>(stored.crcs.size()) != (stored.bytes + checkpoint_block - 1) / checkpoint_block)
    refuse("has a wrong number of checksums");
}

std::vector<Piece> pieces_of(const StoredTensor& tensor) {
  std::vector<Piece> pieces;
  for (const StoredPiece& stored : tensor.pieces) pieces.push_back(stored.piece);
  return pieces;
}

}  // namespace

std::string stored_dtype_name(at::ScalarType dtype) { return row_of(dtype).name; }
std::int64_t dtype_size(at::ScalarType dtype) { return row_of(dtype).size; }

const StoredTensor* CheckpointIndex::find(const std::string& name) const {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), name,
                                   [](const StoredTensor& tensor, const std::string& key) { return tensor.name < key; });
  return at != tensors.end() && at->name == name ? &*at : nullptr;
}

std::string to_text(const CheckpointIndex& index) {
  Json tensors = Json::array();
  for (const StoredTensor& tensor : index.tensors) tensors.push_back(tensor_json(tensor));
  return Json{{"schema", "ergon.checkpoint_index.v1"}, {"block_bytes", checkpoint_block}, {"tensors", tensors}}.dump(1) + "\n";
}

CheckpointIndex parse_index(const std::string& text, const std::string& where, const Manifest& manifest) {
  const Json json = parse_json(text, where);
  return read_json(where, [&] {
    if (json.at("schema") != "ergon.checkpoint_index.v1")
      throw Corrupt(fmt::format("the schema {} is unknown", json.at("schema").dump()), where);
    if (json.at("block_bytes") != checkpoint_block) throw Corrupt("the block size is not that of version 1", where);
    CheckpointIndex index;
    for (const Json& item : json.at("tensors")) {
      StoredTensor tensor = parse_tensor(item, where);
      if (!index.tensors.empty() && tensor.name <= index.tensors.back().name)
        throw Corrupt("the tensors are not in order of their names", where);
      if (safe_elements(tensor.shape) < 0) throw Corrupt(fmt::format("tensor {} has an impossible shape", tensor.name), where);
      for (const StoredPiece& stored : tensor.pieces) check_piece(tensor, stored, where, manifest);
      try {
        check_cover(tensor.name, tensor.shape, pieces_of(tensor));
      } catch (const Error& error) {
        throw Corrupt(fmt::format("{} ({})", error.problem(), error.where()), where);
      }
      index.tensors.push_back(std::move(tensor));
    }
    return index;
  });
}

std::string to_text(const ShardTable& table) {
  Json tensors = Json::array();
  for (const StoredTensor& tensor : table.tensors) tensors.push_back(tensor_json(tensor));
  Json json{{"tensors", tensors}};
  if (table.file) json["file"] = {{"name", table.file->name}, {"bytes", table.file->bytes}, {"crc32c", table.file->crc}};
  return json.dump();
}

ShardTable parse_shard_table(const std::string& text) {
  const std::string where = "the table of pieces of a rank";
  const Json json = parse_json(text, where);
  return read_json(where, [&] {
    ShardTable table;
    for (const Json& item : json.at("tensors")) table.tensors.push_back(parse_tensor(item, where));
    if (json.contains("file")) {
      const Json& file = json.at("file");
      table.file =
          StoredFile{file.at("name").get<std::string>(), file.at("bytes").get<std::int64_t>(), file.at("crc32c").get<std::uint32_t>()};
    }
    return table;
  });
}

CheckpointIndex merge(const std::vector<ShardTable>& tables) {
  std::map<std::string, StoredTensor> by_name;
  for (const ShardTable& table : tables) {
    for (const StoredTensor& tensor : table.tensors) {
      const auto [at, added] = by_name.emplace(tensor.name, tensor);
      if (added) continue;
      ERGON_CHECK(at->second.shape == tensor.shape && at->second.dtype == tensor.dtype, "ranks disagree about the shape or dtype of {}",
                  tensor.name);
      at->second.pieces.insert(at->second.pieces.end(), tensor.pieces.begin(), tensor.pieces.end());
    }
  }
  CheckpointIndex index;
  for (auto& [name, tensor] : by_name) {
    check_cover(name, tensor.shape, pieces_of(tensor));
    index.tensors.push_back(std::move(tensor));
  }
  return index;
}

}  // namespace ergon
