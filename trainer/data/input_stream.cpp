// SPDX-License-Identifier: Apache-2.0
// The one file that includes zlib and zstd.
#include "trainer/data/input_stream.hpp"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "configs/error.hpp"
#include "trainer/storage_error.hpp"

namespace ergon {

constexpr std::size_t stored_chunk = 256 << 10;

struct InputStream::Decoder {
  virtual ~Decoder() = default;
  // Moves text to the front of `out` and takes what it needed from the front of `in`; returns a complaint, or nullptr.
  virtual const char* step(std::string_view& in, std::span<char>& out) = 0;
  virtual bool between_parts() const = 0;  // the stored bytes may end here
};

// Any number of gzip members.
struct InputStream::Gzip final : Decoder {
  Gzip() { ERGON_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK, "inflateInit2: out of memory"); }
  ~Gzip() override { inflateEnd(&stream_); }

  const char* step(std::string_view& in, std::span<char>& out) override {
    if (done_) {
      // Tapes and some archives pad the end with zeros.
      while (!in.empty() && in.front() == '\0') in.remove_prefix(1);
      if (in.empty()) return nullptr;
      inflateReset(&stream_);
      done_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1 << 30));
    const std::size_t room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(in.size() - stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    done_ = result == Z_STREAM_END;
    if (done_ || result == Z_OK || result == Z_BUF_ERROR) return nullptr;
    return stream_.msg != nullptr ? stream_.msg : zError(result);
  }
  bool between_parts() const override { return done_; }

 private:
  z_stream stream_ = {};
  bool done_ = false;
};

// Any number of zstd frames; windows up to 128 MiB, which bounds the memory.
struct InputStream::Zstd final : Decoder {
  Zstd() : stream_(ZSTD_createDStream()) { ERGON_CHECK(stream_ != nullptr, "ZSTD_createDStream: out of memory"); }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  const char* step(std::string_view& in, std::span<char>& out) override {
    if (in.empty() && done_) return nullptr;
    ZSTD_inBuffer from = {in.data(), in.size(), 0};
    ZSTD_outBuffer to = {out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(stream_, &to, &from);
    if (ZSTD_isError(result)) return ZSTD_getErrorName(result);
    in.remove_prefix(from.pos);
    out = out.subspan(to.pos);
    done_ = result == 0;
    return nullptr;
  }
  bool between_parts() const override { return done_; }

 private:
  ZSTD_DStream* stream_;
  bool done_ = false;
};

InputStream::InputStream(const std::string& path, Compression compression, Storage& storage) : path_(path), descriptor_(STDIN_FILENO) {
  if (path != standard_input) {
    file_ = storage.open_read(path);
    descriptor_ = file_.descriptor();
  } else {
    refill();
    compression = compression_of(rest_, "standard input");
  }
  if (compression == Compression::gzip) decoder_ = std::make_unique<Gzip>();
  if (compression == Compression::zstd) decoder_ = std::make_unique<Zstd>();
}

InputStream::~InputStream() = default;

void InputStream::refuse(const std::string& what) const {
  throw Error(what, path_, "use another copy of the file; gunzip -t and zstd -t say which one is whole", ExitCode::data);
}

bool InputStream::refill() {
  buffer_.resize(stored_chunk);
  std::size_t filled = 0;
  while (filled < buffer_.size()) {
    const ssize_t got = ::read(descriptor_, buffer_.data() + filled, buffer_.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_call("read", path_, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  rest_ = std::string_view(buffer_).substr(0, filled);
  stored_bytes_ += std::ssize(rest_);
  hash_.add(rest_);
  return filled > 0;
}

std::size_t InputStream::read(std::span<char> out) {
  const std::size_t wanted = out.size();
  bool ended = false;
  while (!out.empty()) {
    if (rest_.empty() && !ended) ended = !refill();
    if (!decoder_) {
      if (ended) break;
      const std::size_t part = std::min(out.size(), rest_.size());
      std::memcpy(out.data(), rest_.data(), part);
      out = out.subspan(part);
      rest_.remove_prefix(part);
      continue;
    }
    const std::size_t room = out.size();
    if (const char* complaint = decoder_->step(rest_, out))
      refuse(fmt::format("holds damaged compressed data near byte {} ({})", stored_bytes_ - std::ssize(rest_), complaint));
    if (ended && out.size() == room) {
      if (!decoder_->between_parts()) refuse(fmt::format("its compressed data is cut short at byte {}", stored_bytes_));
      break;
    }
  }
  return wanted - out.size();
}

std::string InputStream::sha256() { return hash_.hex(); }

}  // namespace ergon
