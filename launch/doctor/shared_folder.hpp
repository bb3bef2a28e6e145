// SPDX-License-Identifier: Apache-2.0
// Whether all ranks mean the same folder by a path: rank 0 writes a token there and every rank looks for it; the first rank of each node
// writes one too, and rank 0 looks for those. Removed afterwards.
#pragma once

#include <string>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"
#include "parallel/mpi.hpp"
#include "trainer/storage.hpp"

namespace ergon {

struct FolderView {
  std::string path;     // absolute: the folder, or the nearest one above it that rank 0 has
  bool there = true;    // this rank has it, too
  std::string problem;  // of writing there; empty: none, or this rank did not write
  bool sees = false;    // what rank 0 wrote, with its text
  bool is_seen = true;  // what this rank wrote, by rank 0 (known there)
  Seconds waited = {0};
  Bytes free = {0};

  bool operator==(const FolderView&) const = default;
};

// Collective. `folder` is this rank's own word for it. A network file system may show a file late: ranks look for `patience`.
FolderView look_at_folder(Communicator& world, LocalRank local, Storage& storage, const std::string& folder, Seconds patience);

}  // namespace ergon
