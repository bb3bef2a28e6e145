// SPDX-License-Identifier: Apache-2.0
// One writer's HDF5 file: a dataset a piece. HDF5 makes the layout and closes the file; the bytes follow by pwrite at the datasets'
// offsets, and the checksums are taken on the way.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/hdf5.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// The absolute HDF5 name of a piece, in the notation of slices. A [4, 6] tensor `parameters/w`: whole "/parameters/w"; its right half
// "/parameters/w[0:4,3:6]"; the second half of that, in row-major order, "/parameters/w[0:4,3:6][6:12]".
std::string dataset_name(const std::string& tensor, const Extents& shape, const Piece& piece);
// Its shape in the file: the box's, or the number of elements when only a range of the box is there.
Extents dataset_shape(const Piece& piece);
// bfloat16 and float16 are stored as their 16 bits: HDF5 1.10 has no type for the first.
Hdf5Type dataset_type(at::ScalarType dtype);

std::string shard_name(int rank);  // "shard_0003.h5"

// A piece of a tensor on its way into a file.
struct ShardPiece {
  std::string tensor;
  at::ScalarType dtype;
  Extents shape;  // of the whole tensor
  Piece piece;
  std::function<at::Tensor()> data;  // asked for once, when its bytes are written: contiguous, in main memory
};

// What the root of a file says of itself: ergon_format, ergon_version = 1, and further texts by name.
struct ShardHeading {
  std::string format = "checkpoint shard";
  std::map<std::string, std::string> texts;
};

// Where the time of a shard went, one after another on one thread. `write` hands bytes to the system, which passes them on to the device
// meanwhile; `sync` waits for the rest.
struct ShardSeconds {
  Seconds layout, checksum, write, sync;
};

// Writes and syncs folder/name, datasets in the order of the pieces, one piece in memory at a time. At least one piece.
ShardTable write_shard(Storage& storage, const std::string& folder, const std::string& name, const std::vector<ShardPiece>& pieces,
                       const ShardHeading& heading = {}, ShardSeconds* seconds = nullptr);
// The same with every tensor of `tensors` that has writes_here and elements; without one there is no file.
ShardTable write_shard(Storage& storage, const std::string& folder, const std::string& name, const std::vector<CheckpointTensor>& tensors,
                       ShardSeconds* seconds = nullptr);

}  // namespace ergon
