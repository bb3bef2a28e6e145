// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/shard_file.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"

namespace ergon {

namespace {

struct Item {
  const CheckpointTensor* tensor;
  StoredPiece stored;
};

std::span<const std::byte> bytes_of(const at::Tensor& data) {
  return {static_cast<const std::byte*>(data.const_data_ptr()), data.nbytes()};
}

void make_groups(Hdf5Layout& layout, const std::string& dataset, std::set<std::string>& made) {
  for (auto slash = dataset.find('/', 1); slash != std::string::npos; slash = dataset.find('/', slash + 1)) {
    const std::string group = dataset.substr(0, slash);
    if (made.insert(group).second) layout.group(group);
  }
}

std::vector<Item> make_layout(const std::string& path, const std::string& name, const std::vector<const CheckpointTensor*>& tensors) {
  Hdf5Layout layout(path);
  layout.attribute("/", "ergon_format", "checkpoint shard");
  layout.attribute("/", "ergon_version", 1);
  std::set<std::string> groups;
  std::vector<Item> items;
  for (const CheckpointTensor* tensor : tensors) {
    const std::string dataset = dataset_name(tensor->name, tensor->global_shape, tensor->piece);
    make_groups(layout, dataset, groups);
    const Hdf5Extent extent = layout.dataset(dataset, dataset_type(tensor->data.scalar_type()), dataset_shape(tensor->piece));
    ERGON_CHECK(extent.offset > 0 && extent.bytes == static_cast<std::int64_t>(tensor->data.nbytes()), "HDF5 gave {} bytes at {} for {}",
                extent.bytes, extent.offset, dataset);
    items.push_back({tensor, {tensor->piece, name, dataset, extent.offset, extent.bytes, {}}});
  }
  layout.close();
  return items;
}

// The checksum of a file whose parts are seen in order of their offsets, without reading the data again.
class FileChecksum {
 public:
  FileChecksum(Storage& storage, const Storage::File& file) : storage_(storage), file_(file) {}

  void skip_to(std::int64_t offset) {  // over bytes that HDF5 has written
    std::vector<std::byte> buffer;
    while (position_ < offset) {
      buffer.resize(static_cast<std::size_t>(std::min<std::int64_t>(offset - position_, checkpoint_block)));
      storage_.pread(file_, buffer, position_);
      crc_ = crc32c(buffer, crc_);
      position_ += static_cast<std::int64_t>(buffer.size());
    }
  }
  void block(std::uint32_t crc, std::int64_t bytes) {
    crc_ = crc32c_combine(crc_, crc, bytes);
    position_ += bytes;
  }
  std::uint32_t value() const { return crc_; }

 private:
  Storage& storage_;
  const Storage::File& file_;
  std::int64_t position_ = 0;
  std::uint32_t crc_ = 0;
};

void write_item(Storage& storage, const Storage::File& file, Item& item, FileChecksum& checksum) {
  const auto bytes = bytes_of(item.tensor->data);
  checksum.skip_to(item.stored.offset);
  for (std::size_t begin = 0; begin < bytes.size(); begin += checkpoint_block) {
    const auto block = bytes.subspan(begin, std::min<std::size_t>(checkpoint_block, bytes.size() - begin));
    const std::uint32_t crc = crc32c(block);
    storage.pwrite(file, block, item.stored.offset + static_cast<std::int64_t>(begin));
    item.stored.crcs.push_back(crc);
    checksum.block(crc, static_cast<std::int64_t>(block.size()));
  }
}

std::string slice(const Extents& begin, const Extents& extent) {
  std::string text;
  for (std::size_t dim = 0; dim < begin.size(); ++dim)
    text += fmt::format("{}{}:{}", dim == 0 ? "" : ",", begin[dim], begin[dim] + extent[dim]);
  return "[" + text + "]";
}

// Takes the space and gives it back. A full disk, a quota or a file size limit is better met here than inside HDF5: after a close that
// failed the library crashes the process at its end.
void probe_space(Storage& storage, const std::string& path, const std::vector<const CheckpointTensor*>& tensors) {
  constexpr std::int64_t layout = 1 << 20;  // more than HDF5's own bytes
  std::int64_t bytes = layout;
  for (const CheckpointTensor* tensor : tensors) bytes += static_cast<std::int64_t>(tensor->data.nbytes());
  storage.allocate(storage.create(path), bytes);
  storage.unlink(path);
}

bool whole_range(const Piece& piece) { return piece.range == ElementRange{0, num_elements(piece.box.extent)}; }

}  // namespace

std::string dataset_name(const std::string& tensor, const Extents& shape, const Piece& piece) {
  std::string name = "/" + tensor;
  if (piece == whole_piece(whole(shape))) return name;
  name += slice(piece.box.offset, piece.box.extent);
  if (!whole_range(piece)) name += slice({piece.range.begin}, {piece.range.size()});
  return name;
}

Extents dataset_shape(const Piece& piece) { return whole_range(piece) ? piece.box.extent : Extents{piece.range.size()}; }

Hdf5Type dataset_type(at::ScalarType dtype) {
  if (dtype == at::ScalarType::Float) return Hdf5Type::f32;
  if (dtype == at::ScalarType::Double) return Hdf5Type::f64;
  if (dtype == at::ScalarType::BFloat16 || dtype == at::ScalarType::Half) return Hdf5Type::u16;
  if (dtype == at::ScalarType::Long) return Hdf5Type::i64;
  ERGON_CHECK(dtype == at::ScalarType::Byte, "checkpoints hold no tensors of dtype {}", c10::toString(dtype));
  return Hdf5Type::u8;
}

std::string shard_name(int rank) { return fmt::format("shard_{:04}.h5", rank); }

ShardTable write_shard(Storage& storage, const std::string& folder, const std::string& name, const std::vector<CheckpointTensor>& tensors) {
  std::vector<const CheckpointTensor*> mine;
  for (const CheckpointTensor& tensor : tensors) {
    if (!tensor.writes_here || tensor.piece.range.size() == 0) continue;
    ERGON_CHECK(tensor.data.is_contiguous() && tensor.data.is_cpu(), "{} is not contiguous in main memory", tensor.name);
    ERGON_CHECK(tensor.data.numel() == tensor.piece.range.size(), "{} has {} elements, its piece {}", tensor.name, tensor.data.numel(),
                tensor.piece.range.size());
    mine.push_back(&tensor);
  }
  if (mine.empty()) return {};

  const std::string path = folder + "/" + name;
  probe_space(storage, path + ".reserve", mine);
  std::vector<Item> items = make_layout(path, name, mine);
  const Storage::File file = storage.open_write(path);
  const std::int64_t size = storage.size(file);
  storage.allocate(file, size);
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.stored.offset < b.stored.offset; });
  FileChecksum checksum(storage, file);
  for (Item& item : items) write_item(storage, file, item, checksum);
  checksum.skip_to(size);
  storage.sync(file);  // its name is synced with the folder, when all files are there

  ShardTable table;
  table.file = StoredFile{name, size, checksum.value()};
  for (Item& item : items) {
    table.tensors.push_back({item.tensor->name, item.tensor->data.scalar_type(), item.tensor->global_shape, {std::move(item.stored)}});
  }
  return table;
}

}  // namespace ergon
