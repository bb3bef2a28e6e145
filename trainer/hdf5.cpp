// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5.hpp"

#include <hdf5.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::array<const char*, 7> type_names = {"u8", "u16", "u32", "u64", "i64", "f32", "f64"};
constexpr std::array<int, 7> type_sizes = {1, 2, 4, 8, 8, 4, 8};

hid_t native_id(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::u8:
      return H5T_STD_U8LE;
    case Hdf5Type::u16:
      return H5T_STD_U16LE;
    case Hdf5Type::u32:
      return H5T_STD_U32LE;
    case Hdf5Type::u64:
      return H5T_STD_U64LE;
    case Hdf5Type::i64:
      return H5T_STD_I64LE;
    case Hdf5Type::f32:
      return H5T_IEEE_F32LE;
    case Hdf5Type::f64:
      return H5T_IEEE_F64LE;
  }
  return -1;
}

// HDF5 prints its error stack to stderr unless told otherwise, per thread.
void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

// The innermost entry of HDF5's error stack says what went wrong, the outer ones which call saw it.
std::string hdf5_message() {
  std::string message;
  const auto visit = [](unsigned, const H5E_error2_t* entry, void* out) -> herr_t {
    auto& text = *static_cast<std::string*>(out);
    if (text.empty() && entry->desc && *entry->desc) text = fmt::format("{}: {}", entry->func_name, entry->desc);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &message);
  H5Eclear2(H5E_DEFAULT);
  return message.empty() ? "no message" : message;
}

[[noreturn]] void fail(const std::string& operation, const std::string& path) {
  throw Error(fmt::format("HDF5 cannot {} ({})", operation, hdf5_message()), path, "", ExitCode::data);
}

[[noreturn]] void refuse(const std::string& what, const std::string& path) {
  throw Error(what, path, "the file is not one that Ergon wrote, or it is damaged: make it again", ExitCode::data);
}

using Closer = herr_t (*)(hid_t);
template <Closer closer>
Hdf5Handle own(hid_t id, const std::string& operation, const std::string& path) {
  if (id < 0) fail(operation, path);
  return Hdf5Handle(id, [](std::int64_t value) -> int { return closer(value); });
}

void check(herr_t status, const std::string& operation, const std::string& path) {
  if (status < 0) fail(operation, path);
}

void check_close(Hdf5Handle& handle, const std::string& operation, const std::string& path) {
  if (!handle.close()) fail(operation, path);
}

void check_signature(const std::string& path, std::int64_t size) {
  constexpr std::array<char, 8> signature = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
  std::array<char, 8> head{};
  std::ifstream file(path, std::ios::binary);
  if (size < 8 || !file.read(head.data(), head.size()) || head != signature)
    refuse(fmt::format("is not an HDF5 file ({} bytes, no signature at its start)", size), path);
}

}  // namespace

const char* name(Hdf5Type type) { return type_names[static_cast<std::size_t>(type)]; }
std::int64_t size_of(Hdf5Type type) { return type_sizes[static_cast<std::size_t>(type)]; }

Hdf5Handle::Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  if (this != &other) {
    close();
    id_ = std::exchange(other.id_, -1);
    close_ = other.close_;
  }
  return *this;
}
Hdf5Handle::~Hdf5Handle() { close(); }
bool Hdf5Handle::close() noexcept { return id_ < 0 || close_(std::exchange(id_, -1)) >= 0; }

Hdf5Layout::Hdf5Layout(const std::string& path) : path_(path) {
  silence();
  auto access = own<H5Pclose>(H5Pcreate(H5P_FILE_ACCESS), "make a property list", path);
  check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110), "set the format version", path);
  auto creation = own<H5Pclose>(H5Pcreate(H5P_FILE_CREATE), "make a property list", path);
  check(H5Pset_obj_track_times(creation.id(), false), "switch object times off", path);
  file_ = own<H5Fclose>(H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation.id(), access.id()), "create the file", path);
}

void Hdf5Layout::group(const std::string& name) {
  auto creation = own<H5Pclose>(H5Pcreate(H5P_GROUP_CREATE), "make a property list", path_);
  check(H5Pset_obj_track_times(creation.id(), false), "switch object times off", path_);
  auto made = own<H5Gclose>(H5Gcreate2(file_.id(), name.c_str(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), "create group " + name, path_);
  check_close(made, "close group " + name, path_);
}

Hdf5Extent Hdf5Layout::dataset(const std::string& name, Hdf5Type type, const std::vector<std::int64_t>& shape) {
  Hdf5Extent extent{type, shape, -1, size_of(type)};
  for (std::int64_t n : shape) extent.bytes *= n;
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  auto space = own<H5Sclose>(dims.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                             "describe the shape of " + name, path_);
  auto creation = own<H5Pclose>(H5Pcreate(H5P_DATASET_CREATE), "make a property list", path_);
  check(H5Pset_layout(creation.id(), H5D_CONTIGUOUS), "make contiguous " + name, path_);
  check(H5Pset_alloc_time(creation.id(), H5D_ALLOC_TIME_EARLY), "allocate " + name, path_);
  check(H5Pset_fill_time(creation.id(), H5D_FILL_TIME_NEVER), "leave unfilled " + name, path_);
  check(H5Pset_obj_track_times(creation.id(), false), "switch object times off", path_);
  auto made = own<H5Dclose>(H5Dcreate2(file_.id(), name.c_str(), native_id(type), space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
                            "create dataset " + name, path_);
  const haddr_t offset = H5Dget_offset(made.id());
  if (extent.bytes > 0) {
    if (offset == HADDR_UNDEF) fail("place dataset " + name, path_);
    extent.offset = static_cast<std::int64_t>(offset);
  }
  H5Eclear2(H5E_DEFAULT);
  check_close(made, "close dataset " + name, path_);
  return extent;
}

void Hdf5Layout::attribute(const std::string& object, const std::string& name, const std::string& value) {
  auto type = own<H5Tclose>(H5Tcopy(H5T_C_S1), "make a string type", path_);
  // A size of zero is no type: the empty text is one zero byte.
  check(H5Tset_size(type.id(), std::max<std::size_t>(value.size(), 1)), "size a string", path_);
  check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "pad a string", path_);
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "set the characters of a string", path_);
  auto space = own<H5Sclose>(H5Screate(H5S_SCALAR), "make a scalar", path_);
  auto made = own<H5Aclose>(
      H5Acreate_by_name(file_.id(), object.c_str(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      "create attribute " + name, path_);
  check(H5Awrite(made.id(), type.id(), value.empty() ? "" : value.data()), "write attribute " + name, path_);
  check_close(made, "close attribute " + name, path_);
}

void Hdf5Layout::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  auto space = own<H5Sclose>(H5Screate(H5S_SCALAR), "make a scalar", path_);
  auto made = own<H5Aclose>(
      H5Acreate_by_name(file_.id(), object.c_str(), name.c_str(), H5T_STD_I64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      "create attribute " + name, path_);
  check(H5Awrite(made.id(), H5T_NATIVE_INT64, &value), "write attribute " + name, path_);
  check_close(made, "close attribute " + name, path_);
}

void Hdf5Layout::close() {
  check(H5Fflush(file_.id(), H5F_SCOPE_GLOBAL), "flush", path_);
  check_close(file_, "close", path_);
}

Hdf5Reader::Hdf5Reader(const std::string& path) : path_(path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) throw Error("does not exist", path, "check the path", ExitCode::data);
  if (!std::filesystem::is_regular_file(status)) throw Error("is not a regular file", path, "name an HDF5 file", ExitCode::data);
  file_size_ = static_cast<std::int64_t>(std::filesystem::file_size(path, ignored));
  check_signature(path, file_size_);
  silence();
  // Filters of a foreign file must not load code.
  H5PLset_loading_state(0);
  file_ = own<H5Fclose>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open the file", path);
}

bool Hdf5Reader::has(const std::string& name) const {
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const htri_t present = H5Lexists(file_.id(), name.substr(0, end).c_str(), H5P_DEFAULT);
    if (present < 0) fail("look for " + name, path_);
    if (present == 0) return false;
    if (end == std::string::npos) return true;
  }
}

void Hdf5Reader::check_hard_links(const std::string& name) const {
  if (!has(name)) refuse("has no " + name, path_);
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string component = name.substr(0, end);
    H5L_info_t info;
    check(H5Lget_info(file_.id(), component.c_str(), &info, H5P_DEFAULT), "read the link " + component, path_);
    if (info.type != H5L_TYPE_HARD) refuse(component + " is not a hard link", path_);
    if (end == std::string::npos) return;
  }
}

Hdf5Extent Hdf5Reader::dataset(const std::string& name, Hdf5Type type, int rank) const {
  check_hard_links(name);
  auto data = own<H5Dclose>(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), "open dataset " + name, path_);
  auto creation = own<H5Pclose>(H5Dget_create_plist(data.id()), "read the layout of " + name, path_);
  if (H5Pget_layout(creation.id()) != H5D_CONTIGUOUS) refuse(name + " is not contiguous", path_);
  if (H5Pget_external_count(creation.id()) != 0) refuse(name + " keeps its data in another file", path_);
  auto stored = own<H5Tclose>(H5Dget_type(data.id()), "read the type of " + name, path_);
  if (H5Tequal(stored.id(), native_id(type)) <= 0) refuse(fmt::format("{} is not of type {}", name, ergon::name(type)), path_);
  auto space = own<H5Sclose>(H5Dget_space(data.id()), "read the shape of " + name, path_);
  if (H5Sget_simple_extent_ndims(space.id()) != rank) refuse(fmt::format("{} does not have {} dimensions", name, rank), path_);

  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0) check(H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr), "read the shape of " + name, path_);
  Hdf5Extent extent{type, {}, -1, size_of(type)};
  for (hsize_t n : dims) {
    if (n > 0 && extent.bytes > 0 && n > static_cast<hsize_t>(file_size_) / static_cast<hsize_t>(extent.bytes) + 1)
      refuse(fmt::format("{} claims more bytes than the file has", name), path_);
    extent.shape.push_back(static_cast<std::int64_t>(n));
    extent.bytes *= static_cast<std::int64_t>(n);
  }
  if (extent.bytes == 0) return extent;
  const haddr_t offset = H5Dget_offset(data.id());
  H5Eclear2(H5E_DEFAULT);
  if (offset == HADDR_UNDEF || extent.bytes > file_size_ || static_cast<std::int64_t>(offset) > file_size_ - extent.bytes)
    refuse(fmt::format("{} ({} bytes) does not lie inside the file ({} bytes)", name, extent.bytes, file_size_), path_);
  extent.offset = static_cast<std::int64_t>(offset);
  return extent;
}

namespace {

struct OpenAttribute {
  Hdf5Handle attribute, type, space;
};

OpenAttribute open_attribute(hid_t file, const std::string& object, const std::string& attribute, const std::string& path) {
  if (H5Aexists_by_name(file, object.c_str(), attribute.c_str(), H5P_DEFAULT) <= 0) refuse("has no attribute " + attribute, path);
  auto opened = own<H5Aclose>(H5Aopen_by_name(file, object.c_str(), attribute.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                              "open attribute " + attribute, path);
  auto type = own<H5Tclose>(H5Aget_type(opened.id()), "read the type of attribute " + attribute, path);
  auto space = own<H5Sclose>(H5Aget_space(opened.id()), "read the shape of attribute " + attribute, path);
  return {std::move(opened), std::move(type), std::move(space)};
}

}  // namespace

std::string Hdf5Reader::text_attribute(const std::string& object, const std::string& attribute) const {
  if (object != "/") check_hard_links(object);
  const auto [opened, type, space] = open_attribute(file_.id(), object, attribute, path_);
  if (H5Tget_class(type.id()) != H5T_STRING || H5Tis_variable_str(type.id()) != 0 || H5Sget_simple_extent_npoints(space.id()) != 1)
    refuse(fmt::format("attribute {} is not one string of fixed length", attribute), path_);
  std::string value(H5Tget_size(type.id()), '\0');
  check(H5Aread(opened.id(), type.id(), value.data()), "read attribute " + attribute, path_);
  value.resize(std::strlen(value.c_str()) < value.size() ? std::strlen(value.c_str()) : value.size());
  return value;
}

std::int64_t Hdf5Reader::integer_attribute(const std::string& object, const std::string& attribute) const {
  if (object != "/") check_hard_links(object);
  const auto [opened, type, space] = open_attribute(file_.id(), object, attribute, path_);
  if (H5Tequal(type.id(), H5T_STD_I64LE) <= 0 || H5Sget_simple_extent_npoints(space.id()) != 1)
    refuse(fmt::format("attribute {} is not one 64-bit integer", attribute), path_);
  std::int64_t value = 0;
  check(H5Aread(opened.id(), H5T_NATIVE_INT64, &value), "read attribute " + attribute, path_);
  return value;
}

}  // namespace ergon
