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

constexpr std::int64_t blocks_per_read = 16;

// A window of whole blocks of one stored piece, in bytes counted from the piece's first byte.
class BlockWindow {
 public:
  BlockWindow(Storage& storage, const std::string& folder, const StoredTensor& tensor, const StoredPiece& stored)
      : storage_(storage), tensor_(tensor), stored_(stored) {
    const std::string path = folder + "/" + stored.file;
    if (!storage.has_inside(folder, stored.file)) throw Corrupt(fmt::format("the file is missing, tensor {} needs it", tensor.name), path);
    file_ = storage.open_read_inside(folder, stored.file);
    if (storage.size(file_) < stored.offset + stored.bytes)
      throw Corrupt(fmt::format("the file is cut short, tensor {} needs more", tensor.name), path);
  }

  // The bytes from `begin` on, at most up to `end`, as far as the window that holds `begin` goes; reads and checks that window when it is
  // another one.
  std::span<const std::byte> at(std::int64_t begin, std::int64_t end) {
    if (begin < begin_ || begin >= end_) fetch(begin, end);
    return std::span(buffer_).subspan(static_cast<std::size_t>(begin - begin_), static_cast<std::size_t>(std::min(end, end_) - begin));
  }

 private:
  void fetch(std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin / checkpoint_block;
    const std::int64_t last = std::min((end - 1) / checkpoint_block, first + blocks_per_read - 1);
    begin_ = first * checkpoint_block;
    end_ = std::min((last + 1) * checkpoint_block, stored_.bytes);
    buffer_.resize(static_cast<std::size_t>(end_ - begin_));
    storage_.pread(file_, buffer_, stored_.offset + begin_);
    for (std::int64_t block = first; block <= last; ++block) {
      const std::int64_t from = block * checkpoint_block - begin_;
      const auto size = static_cast<std::size_t>(std::min<std::int64_t>(checkpoint_block, end_ - begin_ - from));
      if (crc32c(std::span(buffer_).subspan(static_cast<std::size_t>(from), size)) == stored_.crcs[static_cast<std::size_t>(block)])
        continue;
      end_ = begin_;
      throw Corrupt(fmt::format("block {} of tensor {} does not match its checksum", block, tensor_.name), file_.path());
    }
  }

  Storage& storage_;
  const StoredTensor& tensor_;
  const StoredPiece& stored_;
  Storage::File file_;
  std::vector<std::byte> buffer_;
  std::int64_t begin_ = 0, end_ = 0;
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

void read_piece(Storage& storage, const std::string& folder, const StoredTensor& stored, const CheckpointTensor& target) {
  check_same(stored, target, folder);
  ERGON_CHECK(target.data.is_contiguous() && target.data.is_cpu() && target.data.numel() == target.piece.range.size(),
              "{}: the tensor to fill has {} elements, its piece {}", target.name, target.data.numel(), target.piece.range.size());
  const std::int64_t size = dtype_size(stored.dtype);
  auto* out = static_cast<std::byte*>(target.data.mutable_data_ptr());
  std::int64_t filled = 0;
  for (const StoredPiece& source : stored.pieces) {
    const std::vector<CopyRun> runs = intersect(source.piece, target.piece);
    if (runs.empty()) continue;
    BlockWindow window(storage, folder, stored, source);
    const std::int64_t needed = (runs.back().source + runs.back().length) * size;
    for (const CopyRun& run : runs) {
      const std::int64_t end = (run.source + run.length) * size;
      std::byte* to = out + run.target * size;
      for (std::int64_t begin = run.source * size; begin < end;) {
        const auto part = window.at(begin, needed);
        const std::size_t count = std::min<std::size_t>(part.size(), static_cast<std::size_t>(end - begin));
        std::memcpy(to, part.data(), count);
        to += count;
        begin += static_cast<std::int64_t>(count);
      }
      filled += run.length;
    }
  }
  if (filled != target.piece.range.size()) {
    throw Corrupt(fmt::format("tensor {} has a hole: {} of {} elements are stored", target.name, filled, target.piece.range.size()),
                  folder);
  }
}

}  // namespace ergon
