// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5_reader.hpp"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/file.h>
#include <unistd.h>

#include <vector>

#include "tests/trainer/hdf5_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// What a foreign program may write, by name.
void write_foreign(const std::string& path, const std::string& kind, const std::string& other) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t size = 100, huge = hsize_t{1} << 50, chunk = 10;
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t type = H5T_STD_U16LE;
  if (kind == "big endian") type = H5T_STD_U16BE;
  if (kind == "deflate") {
    H5Pset_chunk(creation, 1, &chunk);
    H5Pset_deflate(creation, 1);
  }
  if (kind == "compact") H5Pset_layout(creation, H5D_COMPACT);
  if (kind == "external") H5Pset_external(creation, other.c_str(), 0, 200);
  const hid_t all = H5Screate_simple(1, &size, nullptr);
  if (kind == "virtual") H5Pset_virtual(creation, all, other.c_str(), "/data", all);
  if (kind == "chunked") H5Pset_chunk(creation, 1, &chunk);
  const hid_t space = H5Screate_simple(1, kind == "huge" ? &huge : &size, nullptr);
  const hid_t data = H5Dcreate2(file, "/data", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (kind == "soft" || kind == "link" || kind == "type" || kind == "cycle") {
    const std::vector<std::uint16_t> values(size, 7);  // so that nothing but the kind is wrong
    H5Dwrite(data, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  if (kind == "link") H5Lcreate_external(other.c_str(), "/data", file, "/link", H5P_DEFAULT, H5P_DEFAULT);
  if (kind == "type") {
    const hid_t named = H5Tcopy(H5T_NATIVE_INT);
    H5Tcommit2(file, "/type", named, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(named);
  }
  if (kind == "cycle") {
    const hid_t group = H5Gcreate2(file, "/g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", group, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
  }
  if (kind == "soft") H5Lcreate_soft("/data", file, "/soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Dclose(data);
  H5Sclose(space);
  H5Sclose(all);
  H5Pclose(creation);
  H5Fclose(file);
}

std::string refusal(const std::string& path, const std::vector<std::string>& names = {}) {
  return problem_of([&] { read_hdf5_contents(path, names); });
}

}  // namespace

TEST_CASE("an HDF5 layout is read back: every dataset, the attributes of the root") {
  TemporaryFolder folder;
  const std::string path = folder / "a.h5";
  write_sample(path);

  const Hdf5Contents contents = read_hdf5_contents(path, {});

  CHECK(contents.datasets.size() == 3);
  const Hdf5Extent& data = contents.dataset("/g/data", Hdf5Type::u16, 1, path);
  CHECK(data.shape == std::vector<std::int64_t>{10});
  CHECK(data.bytes == 20);
  CHECK(data.offset > 0);
  CHECK(data.offset + data.bytes <= static_cast<std::int64_t>(std::filesystem::file_size(path)));
  CHECK(contents.dataset("/matrix", Hdf5Type::f32, 2, path).bytes == 24);
  CHECK(contents.dataset("/empty", Hdf5Type::u64, 2, path).offset == -1);
  CHECK(contents.text("text", path) == "forty-two");
  CHECK(contents.text("nothing", path).empty());
  CHECK(contents.integer("number", path) == -42);
  const Hdf5Contents one = read_hdf5_contents(path, {"/g/data"});
  CHECK(one.datasets.size() == 1);
  CHECK(one.attributes == contents.attributes);
}

TEST_CASE("the reader refuses what is not a sound file of ours") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");
  test::write_file(folder / "text.h5", "this is no HDF5 file");
  const std::string whole = test::read_file(folder / "a.h5");
  test::write_file(folder / "short.h5", whole.substr(0, whole.size() / 2));

  CHECK(refusal(folder / "none.h5") == "does not exist");
  CHECK(refusal(folder.path()) == "is not a regular file");
  CHECK(contains(refusal(folder / "text.h5"), "is not an HDF5 file"));
  CHECK(contains(refusal(folder / "short.h5"), "truncated"));
  CHECK(refusal(folder / "a.h5", {"/none"}) == "has no /none");
  CHECK(refusal(folder / "a.h5", {"/none/data"}) == "has no /none/data");
  CHECK(refusal(folder / "a.h5", {"matrix"}) == "'matrix' is not the absolute name of a dataset");
}

TEST_CASE("the reader refuses layouts that reach outside the file or lie about their size") {
  TemporaryFolder folder;
  test::write_file(folder / "secret", std::string(200, 'x'));
  const std::pair<const char*, const char*> kinds[] = {{"external", "/data keeps its data in another file"},
                                                       {"virtual", "/data is not contiguous"},
                                                       {"chunked", "/data is not contiguous"},
                                                       {"deflate", "/data is not contiguous"},
                                                       {"compact", "/data is not contiguous"},
                                                       {"big endian", "/data is of a type that Ergon does not write"},
                                                       {"soft", "/soft is not a hard link"},
                                                       {"link", "/link is not a hard link"},
                                                       {"type", "/type is neither a group nor a dataset"},
                                                       {"cycle", "nests its groups too deep"},
                                                       {"huge", "/data claims more bytes than the file has"}};
  for (const auto& [kind, expected] : kinds) {
    CAPTURE(kind);
    write_foreign(folder / kind, kind, folder / "secret");
    CHECK(refusal(folder / kind) == expected);
  }
  CHECK(refusal(folder / "soft", {"/soft"}) == "/soft is not a hard link");
  CHECK(refusal(folder / "link", {"/link"}) == "/link is not a hard link");
}

TEST_CASE("a file is read whoever locks it, and is not locked while it is written: some file systems have no locks") {
  TemporaryFolder folder;
  const std::string path = folder / "a.h5";
  const Hdf5Layout layout(path);
  const int descriptor = ::open(path.c_str(), O_RDWR);
  CHECK(::flock(descriptor, LOCK_EX | LOCK_NB) == 0);
  Hdf5Layout other_layout(folder / "b.h5");
  other_layout.dataset("/data", Hdf5Type::u16, {100});
  other_layout.close();
  const int other = ::open((folder / "b.h5").c_str(), O_RDWR);
  REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
  CHECK(read_hdf5_contents(folder / "b.h5", {}).datasets.size() == 1);
  ::close(other);
  ::close(descriptor);
}
