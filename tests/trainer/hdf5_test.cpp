// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5.hpp"

#include <hdf5.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "configs/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace ergon;
using ergon::test::TemporaryFolder;

namespace {

std::string problem_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void write_sample(const std::string& path) {
  Hdf5Layout layout(path);
  layout.group("/g");
  layout.dataset("/g/data", Hdf5Type::u16, {10});
  layout.dataset("/matrix", Hdf5Type::f32, {2, 3});
  layout.dataset("/empty", Hdf5Type::u64, {0, 2});
  layout.attribute("/", "text", std::string("forty-two"));
  layout.attribute("/", "nothing", std::string());
  layout.attribute("/g", "number", std::int64_t{-42});
  layout.close();
}

// What a foreign program may write, by name.
void write_foreign(const std::string& path, const std::string& kind, const std::string& other) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t size = 100, huge = hsize_t{1} << 50, chunk = 10;
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (kind == "external") H5Pset_external(creation, other.c_str(), 0, 200);
  if (kind == "chunked") H5Pset_chunk(creation, 1, &chunk);
  const hid_t space = H5Screate_simple(1, kind == "huge" ? &huge : &size, nullptr);
  const hid_t data = H5Dcreate2(file, "/data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (kind == "soft") H5Lcreate_soft("/data", file, "/soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Dclose(data);
  H5Sclose(space);
  H5Pclose(creation);
  H5Fclose(file);
}

}  // namespace

TEST_CASE("an HDF5 layout is read back: extents, attributes") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");

  const Hdf5Reader reader(folder / "a.h5");

  const Hdf5Extent data = reader.dataset("/g/data", Hdf5Type::u16, 1);
  CHECK(data.shape == std::vector<std::int64_t>{10});
  CHECK(data.bytes == 20);
  CHECK(data.offset > 0);
  CHECK(data.offset + data.bytes <= reader.file_size());
  CHECK(reader.dataset("/matrix", Hdf5Type::f32, 2).bytes == 24);
  CHECK(reader.dataset("/empty", Hdf5Type::u64, 2).offset == -1);
  CHECK(reader.text_attribute("/", "text") == "forty-two");
  CHECK(reader.text_attribute("/", "nothing").empty());
  CHECK(reader.integer_attribute("/g", "number") == -42);
  CHECK(reader.has("/g/data"));
  CHECK_FALSE(reader.has("/absent/data"));
}

TEST_CASE("bytes put at an extent's offset are the dataset that HDF5 reads") {
  TemporaryFolder folder;
  Hdf5Layout layout(folder / "a.h5");
  const Hdf5Extent extent = layout.dataset("/data", Hdf5Type::u16, {3});
  layout.close();
  const std::uint16_t written[3] = {7, 65535, 9};
  std::fstream(folder / "a.h5", std::ios::binary | std::ios::in | std::ios::out)
      .seekp(extent.offset)
      .write(reinterpret_cast<const char*>(written), sizeof written);

  const hid_t file = H5Fopen((folder / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t data = H5Dopen2(file, "/data", H5P_DEFAULT);
  std::uint16_t got[3] = {};
  H5Dread(data, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, got);
  H5Dclose(data);
  H5Fclose(file);

  CHECK(std::equal(got, got + 3, written));
}

TEST_CASE("equal layouts give equal bytes at different times") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");
  usleep(1'100'000);
  write_sample(folder / "b.h5");

  CHECK(test::read_file(folder / "a.h5") == test::read_file(folder / "b.h5"));
}

TEST_CASE("HDF5's own message is in the error") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");

  CHECK(contains(problem_of([&] { Hdf5Layout again(folder / "a.h5"); }), "unable to"));
  Hdf5Layout layout(folder / "b.h5");
  layout.group("/g");
  CHECK(contains(problem_of([&] { layout.group("/g"); }), "create group /g"));
  CHECK(contains(problem_of([&] { layout.group("/h/i"); }), "create group /h/i"));
  layout.close();
}

TEST_CASE("the reader refuses what is not a sound file of ours") {
  TemporaryFolder folder;
  write_sample(folder / "a.h5");
  test::write_file(folder / "text.h5", "this is no HDF5 file");
  const std::string whole = test::read_file(folder / "a.h5");
  test::write_file(folder / "short.h5", whole.substr(0, whole.size() / 2));

  CHECK(problem_of([&] { Hdf5Reader r(folder / "none.h5"); }) == "does not exist");
  CHECK(problem_of([&] { Hdf5Reader r(folder.path()); }) == "is not a regular file");
  CHECK(contains(problem_of([&] { Hdf5Reader r(folder / "text.h5"); }), "is not an HDF5 file"));
  CHECK(contains(problem_of([&] { Hdf5Reader r(folder / "short.h5"); }), "truncated"));
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(problem_of([&] { reader.dataset("/none", Hdf5Type::u16, 1); }) == "has no /none");
  CHECK(problem_of([&] { reader.dataset("/matrix", Hdf5Type::f64, 2); }) == "/matrix is not of type f64");
  CHECK(problem_of([&] { reader.dataset("/matrix", Hdf5Type::f32, 1); }) == "/matrix does not have 1 dimensions");
  CHECK(problem_of([&] { reader.text_attribute("/", "absent"); }) == "has no attribute absent");
  CHECK(problem_of([&] { reader.integer_attribute("/", "text"); }) == "attribute text is not one 64-bit integer");
  CHECK(problem_of([&] { reader.text_attribute("/g", "number"); }) == "attribute number is not one string of fixed length");
}

TEST_CASE("the reader refuses layouts that reach outside the file or lie about their size") {
  TemporaryFolder folder;
  test::write_file(folder / "secret", std::string(200, 'x'));
  for (const char* kind : {"external", "chunked", "soft", "huge"}) write_foreign(folder / kind, kind, folder / "secret");

  CHECK(problem_of([&] { Hdf5Reader(folder / "external").dataset("/data", Hdf5Type::u16, 1); }) == "/data keeps its data in another file");
  CHECK(problem_of([&] { Hdf5Reader(folder / "chunked").dataset("/data", Hdf5Type::u16, 1); }) == "/data is not contiguous");
  CHECK(problem_of([&] { Hdf5Reader(folder / "soft").dataset("/soft", Hdf5Type::u16, 1); }) == "/soft is not a hard link");
  CHECK(problem_of([&] { Hdf5Reader(folder / "huge").dataset("/data", Hdf5Type::u16, 1); }) == "/data claims more bytes than the file has");
}

TEST_CASE("a handle closes once and is null after a move") {
  static int closed = 0;
  closed = 0;
  {
    Hdf5Handle a(5, [](std::int64_t) { return ++closed; });
    Hdf5Handle b(std::move(a));
    CHECK(a.id() == -1);
    CHECK(b.id() == 5);
    Hdf5Handle c;
    c = std::move(b);
    CHECK(closed == 0);
  }
  CHECK(closed == 1);
}
