// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/shard_file.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/write_back.hpp"

namespace ergon {

namespace {

struct Item {
  const ShardPiece* source;
  StoredPiece stored;
};

std::int64_t data_bytes(const ShardPiece& piece) { return piece.piece.range.size() * dtype_size(piece.dtype); }

std::span<const std::byte> bytes_of(const at::Tensor& data) {
  return {static_cast<const std::byte*>(data.const_data_ptr()), data.nbytes()};
}

void make_groups(Hdf5Layout& layout, const std::string& dataset, std::set<std::string>& made) {
  for (auto slash = dataset.find('/', 1); slash != std::string::npos; slash = dataset.find('/', slash + 1)) {
    const std::string group = dataset.substr(0, slash);
    if (made.insert(group).second) layout.group(group);
  }
}

std::vector<Item> make_layout(const std::string& path, const std::string& name, const std::vector<ShardPiece>& pieces,
                              const ShardHeading& heading) {
  Hdf5Layout layout(path);
  layout.attribute("/", "ergon_format", heading.format);
  layout.attribute("/", "ergon_version", 1);
  for (const auto& [key, text] : heading.texts) layout.attribute("/", key, text);
  std::set<std::string> groups;
  std::vector<Item> items;
  for (const ShardPiece& piece : pieces) {
    const std::string dataset = dataset_name(piece.tensor, piece.shape, piece.piece);
    make_groups(layout, dataset, groups);
    const Hdf5Extent extent = layout.dataset(dataset, dataset_type(piece.dtype), dataset_shape(piece.piece));
    ERGON_CHECK(extent.offset > 0 && extent.bytes == data_bytes(piece), "HDF5 gave {} bytes at {} for {}", extent.bytes, extent.offset,
                dataset);
    items.push_back({&piece, {piece.piece, name, dataset, extent.offset, extent.bytes, {}}});
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

// Adds what has passed since its last lap to one phase of several.
class Laps {
 public:
  void lap(Seconds& phase) {
    const Clock::time_point now = Clock::now();
    phase += since(last_, now);
    last_ = now;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

// Writes items in order of their offsets. A block's checksum is taken just before it is written: the bytes are then in the cache.
class ItemWriter {
 public:
  ItemWriter(Storage& storage, const Storage::File& file, Laps& laps, ShardSeconds& seconds)
      : storage_(storage), file_(file), checksum_(storage, file), write_back_(file), laps_(laps), seconds_(seconds) {}

  void write(Item& item) {
    const at::Tensor data = item.source->data();
    ERGON_CHECK(data.is_contiguous() && data.is_cpu(), "{} is not contiguous in main memory", item.source->tensor);
    ERGON_CHECK(data.numel() == item.stored.piece.range.size() && data.scalar_type() == item.source->dtype,
                "{} has {} elements, its piece {}", item.source->tensor, data.numel(), item.stored.piece.range.size());
    const auto bytes = bytes_of(data);
    checksum_.skip_to(item.stored.offset);
    for (std::size_t begin = 0; begin < bytes.size(); begin += checkpoint_block) {
      const auto block = bytes.subspan(begin, std::min<std::size_t>(checkpoint_block, bytes.size() - begin));
      const std::int64_t offset = item.stored.offset + static_cast<std::int64_t>(begin), end = offset + std::ssize(block);
      item.stored.crcs.push_back(crc32c(block));
      checksum_.block(item.stored.crcs.back(), std::ssize(block));
      laps_.lap(seconds_.checksum);
      storage_.pwrite(file_, block, offset);
      write_back_.reached(end);
      laps_.lap(seconds_.write);
    }
  }
  // Of the whole file.
  std::uint32_t checksum(std::int64_t size) {
    checksum_.skip_to(size);
    return checksum_.value();
  }

 private:
  Storage& storage_;
  const Storage::File& file_;
  FileChecksum checksum_;
  WriteBack write_back_;
  Laps& laps_;
  ShardSeconds& seconds_;
};

std::string slice(const Extents& begin, const Extents& extent) {
  std::string text;
  for (std::size_t dim = 0; dim < begin.size(); ++dim)
    text += fmt::format("{}{}:{}", dim == 0 ? "" : ",", begin[dim], begin[dim] + extent[dim]);
  return "[" + text + "]";
}

// Takes the space and gives it back. A full disk, a quota or a file size limit is better met here than inside HDF5: after a close that
// failed the library crashes the process at its end.
void probe_space(Storage& storage, const std::string& path, const std::vector<ShardPiece>& pieces) {
  constexpr std::int64_t layout = 1 << 20;  // more than HDF5's own bytes
  std::int64_t bytes = layout;
  for (const ShardPiece& piece : pieces) bytes += data_bytes(piece);
  const Storage::File file = storage.create(path);
  try {
    storage.allocate(file, bytes);
  } catch (const Error&) {
    storage.unlink(path);  // it may hold what was left of the disk
    throw;
  }
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

ShardTable write_shard(Storage& storage, const std::string& folder, const std::string& name, const std::vector<ShardPiece>& pieces,
                       const ShardHeading& heading, ShardSeconds* seconds) {
  ShardSeconds spent;
  Laps laps;
  const std::string path = folder + "/" + name;
  probe_space(storage, path + ".reserve", pieces);
  std::vector<Item> items = make_layout(path, name, pieces, heading);
  const Storage::File file = storage.open_write(path);
  const std::int64_t size = storage.size(file);
  storage.allocate(file, size);
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.stored.offset < b.stored.offset; });
  laps.lap(spent.layout);
  ItemWriter writer(storage, file, laps, spent);
  for (Item& item : items) writer.write(item);
  const std::uint32_t checksum = writer.checksum(size);
  laps.lap(spent.checksum);
  storage.sync(file);  // its name is synced with the folder, when all files are there
  laps.lap(spent.sync);
  if (seconds != nullptr) *seconds = spent;

  ShardTable table;
  table.file = StoredFile{name, size, checksum};
  for (Item& item : items) {
    table.tensors.push_back({item.source->tensor, item.source->dtype, item.source->shape, {std::move(item.stored)}});
  }
  return table;
}

ShardTable write_shard(Storage& storage, const std::string& folder, const std::string& name, const std::vector<CheckpointTensor>& tensors,
                       ShardSeconds* seconds) {
  std::vector<ShardPiece> mine;
  for (const CheckpointTensor& tensor : tensors) {
    if (!tensor.writes_here || tensor.piece.range.size() == 0) continue;
    mine.push_back({tensor.name, tensor.data.scalar_type(), tensor.global_shape, tensor.piece, [&data = tensor.data] { return data; }});
  }
  if (mine.empty()) return {};
  return write_shard(storage, folder, name, mine, {}, seconds);
}

}  // namespace ergon
