// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5.hpp"

#include <hdf5.h>
#include <unistd.h>

#include "tests/trainer/hdf5_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

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

  CHECK(contains(problem_of([&] { Hdf5Layout again(folder / "a.h5"); }), "HDF5 cannot create the file: File exists"));
  Hdf5Layout layout(folder / "b.h5");
  layout.group("/g");
  CHECK(contains(problem_of([&] { layout.group("/g"); }), "create group /g"));
  CHECK(contains(problem_of([&] { layout.group("/h/i"); }), "create group /h/i"));
  layout.close();
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
