// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5_reader.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "configs/error.hpp"
#include "trainer/hdf5_calls.hpp"

namespace ergon {

using namespace hdf5;

namespace {

constexpr int deepest = 16, most_dims = 8;
constexpr std::size_t most_objects = std::size_t{1} << 20, longest_text = std::size_t{1} << 16;

void check_signature(const std::string& path, std::int64_t size) {
  std::array<char, hdf5_signature.size()> head{};
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const bool read = file.read(head.data(), head.size()).good();
  if (file.bad() || !file.is_open()) fail_call("read", path, errno);
  if (!read || head != hdf5_signature) refuse_hdf5(fmt::format("is not an HDF5 file ({} bytes, no signature at its start)", size), path);
}

class Reader {
 public:
  explicit Reader(const std::string& path);
  void add(const std::string& dataset);            // by its absolute name
  void walk(const std::string& group, int depth);  // "" is the root
  void read_attributes();
  Hdf5Contents take() { return std::move(contents_); }

 private:
  // False when there is nothing of that name; refuses a way that leads over another kind of link.
  bool reached_by_hard_links(const std::string& name) const;
  void add_open(const std::string& name, hid_t data);
  Hdf5Type type_of(const std::string& name, hid_t data) const;
  void read_attribute(const std::string& name);

  std::string path_;
  std::int64_t file_size_ = 0;
  Hdf5Handle file_;
  Hdf5Contents contents_;
  std::size_t objects_ = 0;
};

Reader::Reader(const std::string& path) : path_(path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) throw Error("does not exist", path, "check the path", ExitCode::data);
  if (!std::filesystem::is_regular_file(status)) throw Error("is not a regular file", path, "name an HDF5 file", ExitCode::data);
  file_size_ = static_cast<std::int64_t>(std::filesystem::file_size(path, ignored));
  check_signature(path, file_size_);
  prepare_hdf5();
  // Filters of a foreign file must not load code.
  H5PLset_loading_state(0);
  const auto access = access_without_locks(path);
  file_ = own<H5Fclose>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), "open the file", path);
}

bool Reader::reached_by_hard_links(const std::string& name) const {
  if (name.size() < 2 || name.front() != '/') refuse_hdf5(fmt::format("'{}' is not the absolute name of a dataset", name), path_);
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string component = name.substr(0, end);
    const htri_t present = H5Lexists(file_.id(), component.c_str(), H5P_DEFAULT);
    if (present < 0) fail_hdf5("look for " + name, path_);
    if (present == 0) return false;
    H5L_info_t info;
    check(H5Lget_info(file_.id(), component.c_str(), &info, H5P_DEFAULT), "read the link " + component, path_);
    if (info.type != H5L_TYPE_HARD) refuse_hdf5(component + " is not a hard link", path_);
    if (end == std::string::npos) return true;
  }
}

void Reader::add(const std::string& asked) {
  const bool optional = asked.starts_with('?');
  const std::string name = asked.substr(optional ? 1 : 0);
  if (!reached_by_hard_links(name)) {
    if (optional) return;
    refuse_hdf5("has no " + name, path_);
  }
  const auto data = own<H5Dclose>(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), "open dataset " + name, path_);
  add_open(name, data.id());
}

Hdf5Type Reader::type_of(const std::string& name, hid_t data) const {
  const auto stored = own<H5Tclose>(H5Dget_type(data), "read the type of " + name, path_);
  for (const Hdf5Type type : all_hdf5_types)
    if (H5Tequal(stored.id(), native_id(type)) > 0) return type;
  refuse_hdf5(name + " is of a type that Ergon does not write", path_);
}

void Reader::add_open(const std::string& name, hid_t data) {
  if (++objects_ > most_objects) refuse_hdf5("holds too many objects", path_);
  const auto creation = own<H5Pclose>(H5Dget_create_plist(data), "read the layout of " + name, path_);
  if (H5Pget_layout(creation.id()) != H5D_CONTIGUOUS) refuse_hdf5(name + " is not contiguous", path_);
  if (H5Pget_external_count(creation.id()) != 0) refuse_hdf5(name + " keeps its data in another file", path_);
  Hdf5Extent extent{type_of(name, data), {}, -1, 0};
  extent.bytes = size_of(extent.type);
  const auto space = own<H5Sclose>(H5Dget_space(data), "read the shape of " + name, path_);
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if (rank < 0 || rank > most_dims) refuse_hdf5(fmt::format("{} has {} dimensions", name, rank), path_);
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0) check(H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr), "read the shape of " + name, path_);
  for (const hsize_t n : dims) {
    if (n > 0 && extent.bytes > 0 && n > static_cast<hsize_t>(file_size_) / static_cast<hsize_t>(extent.bytes) + 1)
      refuse_hdf5(fmt::format("{} claims more bytes than the file has", name), path_);
    extent.shape.push_back(static_cast<std::int64_t>(n));
    extent.bytes *= static_cast<std::int64_t>(n);
  }
  if (extent.bytes > 0) {
    const haddr_t offset = H5Dget_offset(data);
    H5Eclear2(H5E_DEFAULT);
    if (offset == HADDR_UNDEF || extent.bytes > file_size_ || static_cast<std::int64_t>(offset) > file_size_ - extent.bytes)
      refuse_hdf5(fmt::format("{} ({} bytes) does not lie inside the file ({} bytes)", name, extent.bytes, file_size_), path_);
    extent.offset = static_cast<std::int64_t>(offset);
  }
  contents_.datasets.emplace(name, std::move(extent));
}

void Reader::walk(const std::string& group, int depth) {
  if (depth > deepest) refuse_hdf5("nests its groups too deep", path_);
  const std::string shown = group.empty() ? "/" : group;
  const auto opened = own<H5Gclose>(H5Gopen2(file_.id(), shown.c_str(), H5P_DEFAULT), "open group " + shown, path_);
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(out);
    list.emplace_back(name);
    return list.size() > most_objects ? -1 : 0;
  };
  check(H5Literate(opened.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), "list group " + shown, path_);
  for (const std::string& name : names) {
    const std::string whole = group + "/" + name;
    if (!reached_by_hard_links(whole)) refuse_hdf5("has no " + whole, path_);
    const auto object = own<H5Oclose>(H5Oopen(file_.id(), whole.c_str(), H5P_DEFAULT), "open " + whole, path_);
    const H5I_type_t kind = H5Iget_type(object.id());
    if (kind == H5I_GROUP) {
      if (++objects_ > most_objects) refuse_hdf5("holds too many objects", path_);
      walk(whole, depth + 1);
    } else if (kind == H5I_DATASET) {
      add_open(whole, object.id());
    } else {
      refuse_hdf5(whole + " is neither a group nor a dataset", path_);
    }
  }
}

void Reader::read_attributes() {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(out);
    list.emplace_back(name);
    return list.size() > most_objects ? -1 : 0;
  };
  check(H5Aiterate2(file_.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), "list the attributes", path_);
  for (const std::string& name : names) read_attribute(name);
}

void Reader::read_attribute(const std::string& name) {
  const auto opened = own<H5Aclose>(H5Aopen(file_.id(), name.c_str(), H5P_DEFAULT), "open attribute " + name, path_);
  const auto type = own<H5Tclose>(H5Aget_type(opened.id()), "read the type of attribute " + name, path_);
  const auto space = own<H5Sclose>(H5Aget_space(opened.id()), "read the shape of attribute " + name, path_);
  Hdf5Attribute attribute;
  const bool single = H5Sget_simple_extent_npoints(space.id()) == 1;
  const std::size_t size = H5Tget_size(type.id());
  if (single && H5Tget_class(type.id()) == H5T_STRING && H5Tis_variable_str(type.id()) == 0 && size <= longest_text) {
    std::string value(size, '\0');
    check(H5Aread(opened.id(), type.id(), value.data()), "read attribute " + name, path_);
    value.resize(::strnlen(value.data(), value.size()));
    attribute.text = std::move(value);
  } else if (single && H5Tequal(type.id(), H5T_STD_I64LE) > 0) {
    std::int64_t value = 0;
    check(H5Aread(opened.id(), H5T_NATIVE_INT64, &value), "read attribute " + name, path_);
    attribute.integer = value;
  }
  contents_.attributes.emplace(name, std::move(attribute));
}

}  // namespace

Hdf5Contents read_hdf5_contents(const std::string& path, const std::vector<std::string>& names) {
  Reader reader(path);
  if (names.empty()) reader.walk("", 0);
  for (const std::string& name : names) reader.add(name);
  reader.read_attributes();
  return reader.take();
}

}  // namespace ergon
