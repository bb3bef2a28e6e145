// SPDX-License-Identifier: Apache-2.0
// Reading a piece of a tensor out of a checkpoint that was cut in another way: the stored pieces that share elements with it are read in
// whole CRC blocks, checked, and the shared runs copied.
#pragma once

#include <string>

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Fills target.data. Throws Corrupt for a block that does not match its checksum or a file that is missing or short, Error (data) for
// another shape or dtype.
void read_piece(Storage& storage, const std::string& folder, const StoredTensor& stored, const CheckpointTensor& target);

}  // namespace ergon
