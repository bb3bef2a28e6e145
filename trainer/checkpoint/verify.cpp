// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/verify.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "configs/error.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/checkpoint/shard_file.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/hdf5_contents.hpp"
#include "trainer/storage_error.hpp"

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

std::string where_text(const Hdf5Extent& extent) {
  return fmt::format("{} {} at byte {}", name(extent.type), extents_text(extent.shape), extent.offset);
}

// One piece of the index against the dataset that should hold it.
void verify_dataset(const StoredTensor& tensor, const StoredPiece& stored, const Hdf5Contents& contents,
                    std::vector<std::string>& problems) {
  const std::string expected = dataset_name(tensor.name, tensor.shape, stored.piece);
  if (stored.dataset != expected)
    problems.push_back(fmt::format("{}: the index has {} where {} of {} belongs", stored.file, stored.dataset, expected, tensor.name));
  const auto found = contents.datasets.find(stored.dataset);
  if (found == contents.datasets.end()) {
    problems.push_back(fmt::format("{}: HDF5 has no {}, which the index lists", stored.file, stored.dataset));
    return;
  }
  const Hdf5Extent listed{dataset_type(tensor.dtype), dataset_shape(stored.piece), stored.offset, stored.bytes};
  if (found->second == listed) return;
  problems.push_back(
      fmt::format("{}: HDF5 has {} as {}; the index says {}", stored.file, stored.dataset, where_text(found->second), where_text(listed)));
}

void verify_attributes(const std::string& file, const Hdf5Contents& contents, std::vector<std::string>& problems) {
  const std::map<std::string, Hdf5Attribute> expected = {{"ergon_format", {"checkpoint shard", std::nullopt}},
                                                         {"ergon_version", {std::nullopt, 1}}};
  if (contents.attributes == expected) return;
  for (const auto& [name, attribute] : expected) {
    const auto found = contents.attributes.find(name);
    if (found == contents.attributes.end() || found->second != attribute)
      problems.push_back(fmt::format("{}: the attribute {} is not that of a shard of version 1", file, name));
  }
  for (const auto& [name, attribute] : contents.attributes)
    if (expected.count(name) == 0) problems.push_back(fmt::format("{}: HDF5 has an attribute {}, which a shard has not", file, name));
}

// What HDF5 says about a shard whose bytes are intact against the index, and the other way round.
void verify_layout(Storage& storage, const Storage::File& file, const std::string& shard, const CheckpointIndex& index,
                   std::vector<std::string>& problems) {
  try {
    const Hdf5Contents contents = storage.hdf5(file, {});
    verify_attributes(shard, contents, problems);
    std::set<std::string> listed;
    for (const StoredTensor& tensor : index.tensors) {
      for (const StoredPiece& stored : tensor.pieces) {
        if (stored.file != shard) continue;
        if (!listed.insert(stored.dataset).second) problems.push_back(fmt::format("{}: the index lists {} twice", shard, stored.dataset));
        verify_dataset(tensor, stored, contents, problems);
      }
    }
    for (const auto& [name, extent] : contents.datasets)
      if (listed.count(name) == 0) problems.push_back(fmt::format("{}: HDF5 has {}, which the index does not list", shard, name));
  } catch (const CallError&) {
    throw;  // says nothing against the checkpoint
  } catch (const Error& error) {
    problems.push_back(fmt::format("{}: {}", shard, error.problem()));
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
      if (depth == VerifyDepth::full && intact && is_shard) verify_layout(storage, file, stored_file.name, index, problems);
    }
  } catch (const Corrupt& error) {
    problems.push_back(fmt::format("{} ({})", error.problem(), error.where()));
  }
  return problems;
}

}  // namespace ergon
