// SPDX-License-Identifier: Apache-2.0
// Looking at a checkpoint in full: every byte is read again from the device.
#pragma once

#include <string>
#include <vector>

#include "trainer/storage.hpp"

namespace ergon {

enum class VerifyDepth {
  bytes,  // manifest, index, checksum of every file and of every block of every piece
  full,   // and HDF5 and index agree: each piece has its dataset, each dataset its piece, type, shape, place and attributes are as written
};

// What is wrong with the checkpoint in this folder, a line each, naming file and tensor; empty: nothing. An Error of Storage that is no
// missing or short file is thrown on. HDF5 opens a shard only after its checksum has matched.
std::vector<std::string> verify_checkpoint(Storage& storage, const std::string& folder, VerifyDepth depth);

}  // namespace ergon
