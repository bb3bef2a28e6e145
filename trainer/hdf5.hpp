// SPDX-License-Identifier: Apache-2.0
// HDF5 as Ergon writes it: the layout of a file. HDF5 holds names, shapes and attributes; bulk bytes are written and read
// elsewhere (Storage) at the offsets found here, because HDF5 1.10 reports success for writes that a full disk lost.
//
// Invariants: every dataset is contiguous, allocated early and never filled; the file format is v110; no object carries a time, so equal
// input gives equal bytes; strings have a fixed length. Every failure is an Error
// (ExitCode::data) that carries HDF5's own message.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

enum class Hdf5Type : std::uint8_t { u8, u16, u32, u64, i64, f32, f64 };
inline constexpr Hdf5Type all_hdf5_types[] = {Hdf5Type::u8,  Hdf5Type::u16, Hdf5Type::u32, Hdf5Type::u64,
                                              Hdf5Type::i64, Hdf5Type::f32, Hdf5Type::f64};
const char* name(Hdf5Type type);
std::int64_t size_of(Hdf5Type type);

// An hid_t and the function that closes it.
class Hdf5Handle {
 public:
  using Close = int (*)(std::int64_t);
  Hdf5Handle() = default;
  Hdf5Handle(std::int64_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept;
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  ~Hdf5Handle();
  std::int64_t id() const { return id_; }
  // True when HDF5 reported success (also for a null handle). The handle is null afterwards.
  bool close() noexcept;

 private:
  std::int64_t id_ = -1;
  Close close_ = nullptr;
};

// Where the bytes of a dataset lie in its file.
struct Hdf5Extent {
  Hdf5Type type;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  // bytes from the start of the file; -1 for a dataset without elements
  std::int64_t bytes = 0;
  bool operator==(const Hdf5Extent&) const = default;
};

// Creates a file, declares what is in it, closes it: the bytes of the datasets follow by pwrite.
class Hdf5Layout {
 public:
  explicit Hdf5Layout(const std::string& path);  // an existing file is an Error
  void group(const std::string& name);           // absolute; parents first
  Hdf5Extent dataset(const std::string& name, Hdf5Type type, const std::vector<std::int64_t>& shape);
  void attribute(const std::string& object, const std::string& name, const std::string& value);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void close();  // must be called: its Error is the only sign of a failed layout

 private:
  std::string path_;
  Hdf5Handle file_;
};

}  // namespace ergon
