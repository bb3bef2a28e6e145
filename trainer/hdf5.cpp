// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "trainer/hdf5_calls.hpp"

namespace ergon {

using namespace hdf5;

namespace {

constexpr std::array<const char*, 7> type_names = {"u8", "u16", "u32", "u64", "i64", "f32", "f64"};
constexpr std::array<int, 7> type_sizes = {1, 2, 4, 8, 8, 4, 8};

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
  prepare_hdf5();
  const auto access = access_without_locks(path);
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
    if (offset == HADDR_UNDEF) fail_hdf5("place dataset " + name, path_);
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

}  // namespace ergon
