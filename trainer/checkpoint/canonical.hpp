// SPDX-License-Identifier: Apache-2.0
// A checkpoint in one canonical form, whatever mesh wrote it: every tensor whole, in order of the names, in one shard (FORMAT.md). Equal
// tensors give equal bytes of shard_0000.h5 and index.json. Made by one process, which holds one tensor at a time.
#pragma once

#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct CanonicalContents {
  CheckpointId id;
  std::optional<CheckpointId> parent;
  std::string run_uuid;
  Health health;
  std::string state;       // text of state.json
  std::string provenance;  // text of provenance.json, to which the content hash is added
  LazyTensors tensors;     // in any order; one without elements is refused (Bug)
};

struct CanonicalResult {
  Bytes bytes = {};          // of all files
  std::string content_hash;  // SHA-256 of the tensors: 64 hexadecimal digits
};

// Makes `folder`, which does not exist yet, complete or not at all (it is written as FOLDER.tmp and renamed). Throws Error when it exists.
CanonicalResult write_canonical(Storage& storage, const std::string& folder, const CanonicalContents& contents);

// The checkpoint as it is, in canonical form: the same id, state and tensors.
CanonicalResult resave_canonical(Storage& storage, const CheckpointReader& checkpoint, const std::string& folder);

}  // namespace ergon
