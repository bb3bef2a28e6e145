// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/spool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "configs/error.hpp"
#include "trainer/crc32c.hpp"

namespace ergon {
namespace {

constexpr std::int64_t buffer_bytes = 1 << 20;
constexpr std::uint64_t magic = 0x316c6f6f70736e65;  // "enspool1"

}  // namespace

// The last bytes of a segment, after tokens and table.
struct Spool::Footer {
  std::uint64_t magic;
  std::int64_t unit, token_bytes;
  SegmentCounts counts;
  Digest input, plan;
  std::uint32_t tokens_crc, table_crc, reserved;
  std::uint32_t crc;  // of what stands before it

  std::int64_t data_bytes() const { return counts.tokens * token_bytes; }
  std::int64_t table_bytes() const { return counts.documents * std::int64_t{sizeof(SpoolDocument)}; }
  std::uint32_t checksum() const { return crc32c(std::as_bytes(std::span(this, 1)).first(offsetof(Footer, crc))); }
};

Spool::Spool(std::string folder, const Digest& plan, std::int64_t token_bytes, Storage& storage)
    : folder_(std::move(folder)), plan_(plan), token_bytes_(token_bytes), storage_(storage) {}

std::string Spool::path(std::int64_t unit) const { return fmt::format("{}/unit_{:010}", folder_, unit); }

void Spool::damaged(std::int64_t unit) const {
  throw Error("was not read back as it was written", path(unit),
              "the disk or memory is at fault; the same line makes this part again, --fresh makes everything again", ExitCode::data);
}

std::optional<Spool::Footer> Spool::footer(const Storage::File& file, std::int64_t unit) const {
  Footer footer;
  const std::int64_t size = storage_.size(file), begin = size - std::int64_t{sizeof footer};
  if (begin < 0) return {};
  storage_.pread(file, std::as_writable_bytes(std::span(&footer, 1)), begin);
  if (footer.magic != magic || footer.crc != footer.checksum() || footer.unit != unit || footer.token_bytes != token_bytes_ ||
      footer.plan != plan_ || footer.data_bytes() + footer.table_bytes() != begin)
    return {};
  return footer;
}

std::uint32_t Spool::checksum(const Storage::File& file, std::int64_t begin, std::int64_t end,
                              const std::function<void(std::span<const std::byte>)>& consume) const {
  std::vector<std::byte> part;
  std::uint32_t crc = 0;
  for (; begin < end; begin += std::ssize(part)) {
    part.resize(static_cast<std::size_t>(std::min(buffer_bytes, end - begin)));
    storage_.pread(file, part, begin);
    crc = crc32c(part, crc);
    if (consume) consume(part);
  }
  return crc;
}

std::optional<SegmentCounts> Spool::find(std::int64_t unit, const Digest& input) const {
  if (!storage_.exists(path(unit))) return {};
  const Storage::File file = storage_.open_read(path(unit));
  const auto found = footer(file, unit);
  if (!found) return {};
  if (found->input != input)
    throw Error("the input has changed since this import was begun", folder_, "--fresh begins again, with the input as it is now",
                ExitCode::data);
  const std::int64_t data = found->data_bytes();
  if (checksum(file, 0, data, {}) != found->tokens_crc || checksum(file, data, data + found->table_bytes(), {}) != found->table_crc)
    return {};
  return found->counts;
}

Spool::Writer::Writer(const Spool& spool, std::int64_t unit) : spool_(spool), unit_(unit) {
  const std::string temporary = spool_.path(unit) + ".tmp";
  if (spool_.storage_.exists(temporary)) spool_.storage_.unlink(temporary);
  file_ = spool_.storage_.create(temporary);
  buffer_.reserve(buffer_bytes + 8);
}

void Spool::Writer::add(std::span<const std::int32_t> ids, std::int32_t eod, SpoolDocument document) {
  const auto width = static_cast<std::size_t>(spool_.token_bytes_);
  const auto put = [&](std::int32_t id) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + width);
    std::memcpy(buffer_.data() + at, &id, width);
    if (std::ssize(buffer_) >= buffer_bytes) flush();
  };
  for (std::int32_t id : ids) put(id);
  put(eod);
  document.tokens = static_cast<std::uint32_t>(ids.size() + 1);
  table_.push_back(document);
}

void Spool::Writer::flush() {
  crc_ = crc32c(buffer_, crc_);
  spool_.storage_.pwrite(file_, buffer_, written_);
  written_ += std::ssize(buffer_);
  buffer_.clear();
}

void Spool::Writer::finish(const SegmentCounts& counts, const Digest& input) {
  flush();
  Footer footer = {};
  footer.magic = magic;
  footer.unit = unit_;
  footer.token_bytes = spool_.token_bytes_;
  footer.counts = counts;
  footer.counts.documents = std::ssize(table_);
  footer.counts.tokens = written_ / spool_.token_bytes_;
  footer.input = input;
  footer.plan = spool_.plan_;
  footer.tokens_crc = crc_;
  const auto table = std::as_bytes(std::span(table_));
  footer.table_crc = crc32c(table);
  footer.crc = footer.checksum();
  spool_.storage_.pwrite(file_, table, written_);
  spool_.storage_.pwrite(file_, std::as_bytes(std::span(&footer, 1)), written_ + std::ssize(table));
  spool_.storage_.rename(spool_.path(unit_) + ".tmp", spool_.path(unit_));
}

std::vector<SpoolDocument> Spool::table(std::int64_t unit) const {
  const Storage::File file = storage_.open_read(path(unit));
  const auto found = footer(file, unit);
  if (!found) damaged(unit);
  std::vector<SpoolDocument> table(static_cast<std::size_t>(found->counts.documents));
  storage_.pread(file, std::as_writable_bytes(std::span(table)), found->data_bytes());
  if (crc32c(std::as_bytes(std::span(table))) != found->table_crc) damaged(unit);
  return table;
}

void Spool::tokens(std::int64_t unit, const std::function<void(std::span<const std::byte>)>& consume) const {
  const Storage::File file = storage_.open_read(path(unit));
  const auto found = footer(file, unit);
  if (!found || checksum(file, 0, found->data_bytes(), consume) != found->tokens_crc) damaged(unit);
}

void Spool::refuse_beyond(std::int64_t units) const {
  for (const std::string& name : storage_.list(folder_))
    if (name.starts_with("unit_") && !name.ends_with(".tmp") && name >= fmt::format("unit_{:010}", units))
      throw Error("the input has changed since this import was begun: it was longer then", folder_,
                  "--fresh begins again, with the input as it is now", ExitCode::data);
}

}  // namespace ergon
