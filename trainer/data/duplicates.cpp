// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/duplicates.hpp"

#include <algorithm>
#include <cstring>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct Entry {
  std::array<std::byte, 16> hash;
  std::uint64_t document;
  auto operator<=>(const Entry&) const = default;
};
static_assert(sizeof(Entry) == 24);

// A file of entries that grows behind a small buffer.
class Partition {
 public:
  Partition(const std::string& path, Storage& storage) : storage_(storage) {
    if (storage.exists(path)) storage.unlink(path);
    file_ = storage.create(path);
    // Without a name it is gone when this process is.
    storage.unlink(path);
  }

  void add(const Entry& entry) {
    buffer_.push_back(entry);
    if (buffer_.size() == 1024) flush();
  }

  std::vector<Entry> sorted() {
    flush();
    std::vector<Entry> entries(static_cast<std::size_t>(bytes_) / sizeof(Entry));
    storage_.pread(file_, std::as_writable_bytes(std::span(entries)), 0);
    std::ranges::sort(entries);
    return entries;
  }

 private:
  void flush() {
    const auto data = std::as_bytes(std::span(buffer_));
    storage_.pwrite(file_, data, bytes_);
    bytes_ += std::ssize(data);
    buffer_.clear();
  }

  Storage& storage_;
  Storage::File file_;
  std::vector<Entry> buffer_;
  std::int64_t bytes_ = 0;
};

std::size_t partition_of(const std::array<std::byte, 16>& hash, std::size_t partitions) {
  const auto high = std::to_integer<std::size_t>(hash[0]) << 8 | std::to_integer<std::size_t>(hash[1]);
  return high * partitions >> 16;
}

}  // namespace

std::vector<bool> find_duplicates(const Spool& spool, std::int64_t units, std::int64_t documents, Storage& storage, std::int64_t memory) {
  const std::int64_t count = std::clamp<std::int64_t>((documents * std::int64_t{sizeof(Entry)} + memory - 1) / memory, 1, 512);
  std::vector<Partition> partitions;
  for (std::int64_t p = 0; p < count; ++p) partitions.emplace_back(fmt::format("{}/hashes_{:03}", spool.folder(), p), storage);
  std::uint64_t document = 0;
  for (std::int64_t unit = 0; unit < units; ++unit)
    for (const SpoolDocument& one : spool.table(unit)) partitions[partition_of(one.hash, partitions.size())].add({one.hash, document++});
  ERGON_CHECK(static_cast<std::int64_t>(document) == documents, "{} documents of {}", document, documents);
  std::vector<bool> duplicate(static_cast<std::size_t>(documents));
  for (Partition& partition : partitions) {
    const std::vector<Entry> entries = partition.sorted();
    for (std::size_t i = 1; i < entries.size(); ++i)
      if (entries[i].hash == entries[i - 1].hash) duplicate[entries[i].document] = true;
  }
  return duplicate;
}

}  // namespace ergon
