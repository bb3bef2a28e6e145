// SPDX-License-Identifier: Apache-2.0
// What a checkpoint holds: pieces of named global tensors, and the state of the run beside them. On disk: FORMAT.md in this folder.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/mesh.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {

// One piece of one tensor, as this rank holds it. Over all ranks with writes_here, the pieces of a tensor cover it exactly once.
struct CheckpointTensor {
  std::string name;  // "parameters/layers.3.attention.query.weight": logical, the same on every mesh
  Extents global_shape;
  Piece piece;
  at::Tensor data;          // on any device; piece.range.size() elements, contiguous, in the piece's order; its dtype is the tensor's
  bool writes_here = true;  // load ignores it
};

// An unhealthy checkpoint is kept for study and never chosen.
struct Health {
  bool finite = true;         // the newest loss that these parameters gave was finite
  bool inside_window = true;  // the loss was no spike
  bool good() const { return finite && inside_window; }
  bool operator==(const Health&) const = default;
};

// Everything of the run that is not a tensor. Texts that are JSON are stored as JSON values.
struct RunState {
  std::int64_t step = 0;                       // optimizer steps done
  Tokens tokens = {};                          // trained on so far
  std::string data_state = "null";             // JSON, written and read by trainer/data
  std::map<std::string, std::string> records;  // name -> JSON: guard windows, choices measured at run time, counters
  std::string config;                          // the run file with everything resolved
  MeshSizes mesh;
  std::string mesh_order = "tp-cp-dp-pp";
  std::int64_t threads = 1;       // intra-op threads a rank
  std::string binary, cpu;        // identities: bitwise continuation is promised only when these agree
  std::int64_t ledger_lines = 0;  // lines of the ledger that this state includes
  Health health;
};

// Who a checkpoint is; kept in its manifest. `parent` is the checkpoint that its run continued from.
struct CheckpointId {
  std::string uuid;
  std::int64_t step = 0;
  int attempt = 0;
  bool operator==(const CheckpointId&) const = default;
};

}  // namespace ergon
