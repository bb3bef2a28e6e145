// SPDX-License-Identifier: Apache-2.0
// Reading a piece of a tensor out of a checkpoint that was cut in another way: the stored pieces that share elements with it are read in
// whole CRC blocks, checked, and the shared runs copied.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// One thread at a time. The file read last stays open: the kernel reads ahead only within one opening.
class PieceReader {
 public:
  PieceReader(Storage& storage, std::string folder) : storage_(storage), folder_(std::move(folder)) {}

  // Fills target.data, in part where it throws. Throws Corrupt for a block that does not match its checksum or a file that is missing or
  // short, Error (data) for another shape or dtype.
  void read(const StoredTensor& stored, const CheckpointTensor& target);

 private:
  const Storage::File& file_of(const StoredTensor& tensor, const StoredPiece& piece);

  Storage& storage_;
  const std::string folder_;
  std::string open_name_;
  Storage::File open_;
  std::vector<std::byte> window_;
};

}  // namespace ergon
