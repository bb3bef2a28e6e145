// SPDX-License-Identifier: Apache-2.0
// The text files of a checkpoint as values: index.json (where each piece lies), state.json, MANIFEST.json (size and checksum of every
// file). FORMAT.md in this folder is the specification; numbers and names here are part of it and frozen. Every parse throws Corrupt,
// naming `where`.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint.hpp"

namespace ergon {

inline constexpr std::int64_t checkpoint_block =
    1 << 20;  // bytes under one CRC32C, counted from a piece's first byte; the last block is short

inline constexpr const char* index_name = "index.json";
inline constexpr const char* state_name = "state.json";
inline constexpr const char* provenance_name = "provenance.json";
inline constexpr const char* manifest_name = "MANIFEST.json";

// A piece in a shard file: `bytes` bytes at `offset`, which is where the HDF5 dataset of that name lies.
struct StoredPiece {
  Piece piece;
  std::string file, dataset;
  std::int64_t offset = 0, bytes = 0;
  std::vector<std::uint32_t> crcs;  // one a block
  bool operator==(const StoredPiece&) const = default;
};

struct StoredTensor {
  std::string name;
  at::ScalarType dtype = at::ScalarType::Float;
  Extents shape;
  std::vector<StoredPiece> pieces;
  bool operator==(const StoredTensor&) const = default;
};

struct StoredFile {
  std::string name;
  std::int64_t bytes = 0;
  std::uint32_t crc = 0;
  bool operator==(const StoredFile&) const = default;
};

struct CheckpointIndex {
  std::vector<StoredTensor> tensors;  // by name
  const StoredTensor* find(const std::string& name) const;
};

// What one rank has written; a rank may have nothing to write.
struct ShardTable {
  std::optional<StoredFile> file;
  std::vector<StoredTensor> tensors;
};

struct Manifest {
  CheckpointId id;
  std::optional<CheckpointId> parent;
  std::string run_uuid;
  Health health;
  std::vector<StoredFile> files;
  const StoredFile* find(const std::string& name) const;
};

// "float32", as numpy names it. Throws Bug for a dtype that checkpoints do not hold.
std::string stored_dtype_name(at::ScalarType dtype);
std::int64_t dtype_size(at::ScalarType dtype);

std::string to_text(const CheckpointIndex& index);
// Refuses pieces that leave a hole or overlap, lie outside their file's bytes as the manifest has them, or carry the wrong number of
// checksums.
CheckpointIndex parse_index(const std::string& text, const std::string& where, const Manifest& manifest);

std::string to_text(const ShardTable& table);
ShardTable parse_shard_table(const std::string& text);
// The tables of all ranks as one index, by name. Throws Error for a tensor that is not covered exactly once.
CheckpointIndex merge(const std::vector<ShardTable>& tables);

std::string to_text(const RunState& state);
RunState parse_state(const std::string& text, const std::string& where);

// The last member of a manifest is the CRC32C of all bytes before it.
std::string to_text(const Manifest& manifest);
Manifest parse_manifest(const std::string& text, const std::string& where);

}  // namespace ergon
