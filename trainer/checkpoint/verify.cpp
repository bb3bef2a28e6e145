// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/verify.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "configs/error.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/checkpoint/shard_file.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/hdf5.hpp"

namespace ergon {

namespace {

constexpr std::size_t read_bytes = 8 << 20;

std::uint32_t file_crc(Storage& storage, const Storage::File& file) {
  storage.drop_cache(file);
  std::vector<std::byte> buffer(read_bytes);
  std::uint32_t crc = 0;
  const std::int64_t size = storage.size(file);
  for (std::int64_t offset = 0; offset < size;) {
    const auto part = std::span(buffer).first(static_cast<std::size_t>(std::min<std::int64_t>(size - offset, read_bytes)));
    storage.pread(file, part, offset);
    crc = crc32c(part, crc);
    offset += static_cast<std::int64_t>(part.size());
  }
  return crc;
}

void verify_piece(Storage& storage, const Storage::File& file, const StoredTensor& tensor, const StoredPiece& stored,
                  std::vector<std::string>& problems) {
  std::vector<std::byte> buffer(checkpoint_block);
  for (std::size_t block = 0; block < stored.crcs.size(); ++block) {
    const std::int64_t begin = static_cast<std::int64_t>(block) * checkpoint_block;
    const auto part = std::span(buffer).first(static_cast<std::size_t>(std::min(stored.bytes - begin, checkpoint_block)));
    storage.pread(file, part, stored.offset + begin);
    if (crc32c(part) == stored.crcs[block]) continue;
    problems.push_back(fmt::format("{}: block {} of {} ({}) does not match its checksum", stored.file, block, stored.dataset, tensor.name));
  }
}

// What HDF5 says about a shard whose bytes are intact, against the index.
void verify_layout(const std::string& path, const std::string& file, const CheckpointIndex& index, std::vector<std::string>& problems) {
  try {
    const Hdf5Reader reader(path);
    for (const StoredTensor& tensor : index.tensors) {
      for (const StoredPiece& stored : tensor.pieces) {
        if (stored.file != file) continue;
        const Extents shape = dataset_shape(stored.piece);
        const Hdf5Extent extent = reader.dataset(stored.dataset, dataset_type(tensor.dtype), static_cast<int>(shape.size()));
        if (extent.shape == shape && extent.offset == stored.offset && extent.bytes == stored.bytes) continue;
        problems.push_back(fmt::format("{}: HDF5 has {} at byte {}, {} bytes; the index says {}, {} bytes", file, stored.dataset,
                                       extent.offset, extent.bytes, stored.offset, stored.bytes));
      }
    }
  } catch (const Error& error) {
    problems.push_back(fmt::format("{}: {}", file, error.problem()));
  }
}

}  // namespace

std::vector<std::string> verify_checkpoint(Storage& storage, const std::string& folder, VerifyDepth depth) {
  std::vector<std::string> problems;
  try {
    const Manifest manifest = check_manifest(storage, folder);
    const CheckpointIndex index = parse_index(read_checked(storage, folder, index_name, manifest), folder + "/" + index_name, manifest);
    const RunState state = parse_state(read_checked(storage, folder, state_name, manifest), folder + "/" + state_name);
    if (state.step != manifest.id.step)
      problems.push_back(fmt::format("the state is that of step {}, the manifest that of {}", state.step, manifest.id.step));
    for (const StoredFile& stored_file : manifest.files) {
      const Storage::File file = storage.open_read_inside(folder, stored_file.name);
      const bool intact = file_crc(storage, file) == stored_file.crc;
      if (!intact) problems.push_back(fmt::format("{}: the checksum of the file does not match", stored_file.name));
      for (const StoredTensor& tensor : index.tensors) {
        for (const StoredPiece& stored : tensor.pieces) {
          if (stored.file != stored_file.name) continue;
          verify_piece(storage, file, tensor, stored, problems);
        }
      }
      const bool is_shard = stored_file.name.size() > 3 && stored_file.name.substr(stored_file.name.size() - 3) == ".h5";
      if (depth == VerifyDepth::full && intact && is_shard)
        verify_layout(folder + "/" + stored_file.name, stored_file.name, index, problems);
    }
  } catch (const Corrupt& error) {
    problems.push_back(fmt::format("{} ({})", error.problem(), error.where()));
  }
  return problems;
}

}  // namespace ergon
