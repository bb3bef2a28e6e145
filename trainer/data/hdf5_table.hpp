// SPDX-License-Identifier: Apache-2.0
// Whole datasets of an HDF5 file as vectors and texts.
#pragma once

#include <span>

#include "trainer/storage.hpp"

namespace ergon {

template <typename Table>
std::span<const std::byte> bytes_of(const Table& table) {
  return std::as_bytes(std::span(table.data(), table.size()));
}

// `table` is a vector or a string whose elements have the dataset's type.
template <typename Table>
void read_whole(const Storage::File& file, Storage& storage, const Hdf5Extent& extent, Table& table) {
  table.resize(static_cast<std::size_t>(extent.bytes) / sizeof(*table.data()));
  if (extent.bytes > 0) storage.pread(file, std::as_writable_bytes(std::span(table.data(), table.size())), extent.offset);
}

}  // namespace ergon
