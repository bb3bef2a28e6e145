// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/piece_reader.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/crc32c.hpp"

namespace ergon {

namespace {

// What is read at once is still in the processor's cache when it is checked.
constexpr std::int64_t bytes_per_read = 4 * checkpoint_block;

// The bytes of one stored piece, counted from its first one; read and checked in whole blocks.
class PieceBytes {
 public:
  PieceBytes(Storage& storage, const Storage::File& file, const StoredTensor& tensor, const StoredPiece& stored,
             std::vector<std::byte>& window)
      : storage_(storage), file_(file), tensor_(tensor), stored_(stored), window_(window) {}

  // Copies bytes from `begin` on, at most up to `end`, to `to`; how many. Whole blocks are read where they belong. Of others a window is
  // kept for the copies to come, the last of which ends at `needed`.
  std::int64_t copy(std::int64_t begin, std::int64_t end, std::int64_t needed, std::byte* to) {
    if (begin < begin_ || begin >= end_) {
      if (const std::int64_t bytes = whole_blocks(begin, end); bytes > 0) {
        read(begin, {to, static_cast<std::size_t>(bytes)});
        return bytes;
      }
      fetch(begin, needed);
    }
    const std::int64_t bytes = std::min(end, end_) - begin;
    std::memcpy(to, window_.data() + (begin - begin_), static_cast<std::size_t>(bytes));
    return bytes;
  }

 private:
  std::int64_t whole_blocks(std::int64_t begin, std::int64_t end) const {
    if (begin % checkpoint_block != 0) return 0;
    const std::int64_t whole = end == stored_.bytes ? end : end / checkpoint_block * checkpoint_block;
    return std::min(whole - begin, bytes_per_read);
  }

  void fetch(std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin / checkpoint_block * checkpoint_block;
    const std::int64_t last = std::min((end + checkpoint_block - 1) / checkpoint_block * checkpoint_block, first + bytes_per_read);
    const std::int64_t bytes = std::min(last, stored_.bytes) - first;
    if (std::ssize(window_) < bytes) window_.resize(static_cast<std::size_t>(bytes));
    read(first, std::span(window_).first(static_cast<std::size_t>(bytes)));
    begin_ = first;
    end_ = first + bytes;
  }

  void read(std::int64_t begin, std::span<std::byte> to) {
    storage_.pread(file_, to, stored_.offset + begin);
    for (std::int64_t block = begin / checkpoint_block; !to.empty(); ++block) {
      const std::size_t size = std::min<std::size_t>(checkpoint_block, to.size());
      if (crc32c(to.first(size)) != stored_.crcs[static_cast<std::size_t>(block)])
        throw Corrupt(fmt::format("block {} of tensor {} does not match its checksum", block, tensor_.name), file_.path());
      to = to.subspan(size);
    }
  }

  Storage& storage_;
  const Storage::File& file_;
  const StoredTensor& tensor_;
  const StoredPiece& stored_;
  std::vector<std::byte>& window_;
  std::int64_t begin_ = 0, end_ = 0;  // of what the window holds
};

void check_same(const StoredTensor& stored, const CheckpointTensor& target, const std::string& folder) {
  const auto refuse = [&](const std::string& has, const std::string& wants) {
    throw Error(fmt::format("tensor {} is {} in the checkpoint, the model wants {}", target.name, has, wants), folder,
                "resume with the model and dtype that wrote it (state.json has its configuration)", ExitCode::data);
  };
  if (stored.shape != target.global_shape) refuse(extents_text(stored.shape), extents_text(target.global_shape));
  if (stored.dtype != target.data.scalar_type()) refuse(stored_dtype_name(stored.dtype), c10::toString(target.data.scalar_type()));
}

}  // namespace

const Storage::File& PieceReader::file_of(const StoredTensor& tensor, const StoredPiece& piece) {
  const std::string path = folder_ + "/" + piece.file;
  if (!open_ || open_name_ != piece.file) {
    if (!storage_.has_inside(folder_, piece.file)) throw Corrupt(fmt::format("the file is missing, tensor {} needs it", tensor.name), path);
    open_ = storage_.open_read_inside(folder_, piece.file);
    open_name_ = piece.file;
  }
  if (storage_.size(open_) < piece.offset + piece.bytes)
    throw Corrupt(fmt::format("the file is cut short, tensor {} needs more", tensor.name), path);
  return open_;
}

void PieceReader::read(const StoredTensor& stored, const CheckpointTensor& target) {
  check_same(stored, target, folder_);
  ERGON_CHECK(target.data.is_contiguous() && target.data.is_cpu() && target.data.numel() == target.piece.range.size(),
              "{}: the tensor to fill has {} elements, its piece {}", target.name, target.data.numel(), target.piece.range.size());
  const std::int64_t size = dtype_size(stored.dtype);
  auto* out = static_cast<std::byte*>(target.data.mutable_data_ptr());
  std::int64_t filled = 0;
  for (const StoredPiece& source : stored.pieces) {
    const std::vector<CopyRun> runs = intersect(source.piece, target.piece);
    if (runs.empty()) continue;
    PieceBytes bytes(storage_, file_of(stored, source), stored, source, window_);
    const std::int64_t needed = (runs.back().source + runs.back().length) * size;
    for (const CopyRun& run : runs) {
      const std::int64_t end = (run.source + run.length) * size;
      std::byte* to = out + run.target * size;
      for (std::int64_t begin = run.source * size; begin < end;) {
        const std::int64_t copied = bytes.copy(begin, end, needed, to);
        to += copied;
        begin += copied;
      }
      filled += run.length;
    }
  }
  if (filled != target.piece.range.size()) {
    throw Corrupt(fmt::format("tensor {} has a hole: {} of {} elements are stored", target.name, filled, target.piece.range.size()),
                  folder_);
  }
}

}  // namespace ergon
