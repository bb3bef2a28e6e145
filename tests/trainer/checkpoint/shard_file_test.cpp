// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/shard_file.hpp"

#include <cstdlib>

#include "tests/support/skip.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;

namespace {

class FullDisk : public Storage {
 public:
  void allocate(const File& file, std::int64_t) override {
    throw Error("fallocate failed: No space left on device", file.path(), "", ExitCode::data);
  }
};

std::string bytes_of(const at::Tensor& data) { return {static_cast<const char*>(data.const_data_ptr()), data.nbytes()}; }

}  // namespace

TEST_CASE("datasets are named in the notation of slices") {
  const Extents shape{4, 6};
  const ShardBox right{{0, 3}, {4, 3}};
  CHECK(dataset_name("parameters/w", shape, whole_piece(whole(shape))) == "/parameters/w");
  CHECK(dataset_name("parameters/w", shape, whole_piece(right)) == "/parameters/w[0:4,3:6]");
  CHECK(dataset_name("parameters/w", shape, {right, {6, 12}}) == "/parameters/w[0:4,3:6][6:12]");
  CHECK(dataset_name("parameters/w", shape, {whole(shape), {0, 6}}) == "/parameters/w[0:4,0:6][0:6]");
  CHECK(dataset_name("count", {}, whole_piece(whole({}))) == "/count");
  CHECK(dataset_shape(whole_piece(right)) == Extents{4, 3});
  CHECK(dataset_shape({right, {6, 12}}) == Extents{6});
  CHECK(shard_name(12) == "shard_0012.h5");
}

TEST_CASE("HDF5 types of dtypes") {
  CHECK(dataset_type(at::kFloat) == Hdf5Type::f32);
  CHECK(dataset_type(at::kDouble) == Hdf5Type::f64);
  CHECK(dataset_type(at::kBFloat16) == Hdf5Type::u16);
  CHECK(dataset_type(at::kLong) == Hdf5Type::i64);
  CHECK(dataset_type(at::kByte) == Hdf5Type::u8);
  CHECK_THROWS_AS(dataset_type(at::kBool), Bug);
}

TEST_CASE("a shard holds every piece at its offset, and its checksums are those of the file") {
  const TemporaryFolder folder;
  Storage storage;
  const auto tensors = model(where(2, 2, 1, Cut::zero), 5, Size::large);
  const ShardTable table = write_shard(storage, folder.path(), "shard_0000.h5", tensors);
  const std::string file = storage.read_text(folder / "shard_0000.h5");
  REQUIRE(table.file);
  CHECK(table.file->bytes == static_cast<std::int64_t>(file.size()));
  CHECK(table.file->crc == crc32c(file));
  std::size_t written = 0;
  for (const CheckpointTensor& tensor : tensors) {
    if (!tensor.writes_here) continue;
    const StoredTensor& stored = table.tensors.at(written++);
    const StoredPiece& piece = stored.pieces.at(0);
    CHECK(stored.name == tensor.name);
    const std::string bytes = bytes_of(tensor.data);
    CHECK(file.substr(static_cast<std::size_t>(piece.offset), static_cast<std::size_t>(piece.bytes)) == bytes);
    for (std::size_t block = 0; block < piece.crcs.size(); ++block) {
      CHECK(piece.crcs[block] == crc32c(std::string_view(bytes).substr(block * checkpoint_block, checkpoint_block)));
    }
  }
  CHECK(written == table.tensors.size());
  CHECK(written == 3);  // tensor rank 1 does not write what every tensor rank holds
}

TEST_CASE("a rank with nothing to write makes no file") {
  const TemporaryFolder folder;
  Storage storage;
  auto tensors = model({}, 5);
  for (CheckpointTensor& tensor : tensors) tensor.writes_here = false;
  CHECK_FALSE(write_shard(storage, folder.path(), "shard_0000.h5", tensors).file);
  CHECK(storage.list(folder.path()).empty());
}

TEST_CASE("a full disk is met before HDF5 touches it") {
  const TemporaryFolder folder;
  FullDisk storage;
  CHECK(error_of([&] { write_shard(storage, folder.path(), "shard_0000.h5", model({}, 5)); }) ==
        "fallocate failed: No space left on device @ " + (folder / "shard_0000.h5.reserve"));
  CHECK(storage.list(folder.path()).empty());
}

TEST_CASE("tensors that do not fit their piece are bugs") {
  const TemporaryFolder folder;
  Storage storage;
  auto tensors = model({}, 5);
  tensors[0].data = tensors[0].data.narrow(0, 0, 3);
  CHECK_THROWS_AS(write_shard(storage, folder.path(), "shard_0000.h5", tensors), Bug);
}

TEST_CASE("h5py opens every shard and reads the values") {
  if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
    return test::skip("/usr/bin/python3 has no h5py (Debian package python3-h5py)");
  }
  const TemporaryFolder run;
  Storage storage;
  for (const SaveResult& result : save_together(storage, run.path(), 3, 2, 2, Cut::zero, Size::large)) REQUIRE_FALSE(result.error);
  storage.write_text(run / "read.py", R"(
import glob, sys, h5py
out = open(sys.argv[2], "wb")
for path in sorted(glob.glob(sys.argv[1] + "/shard_*.h5")):
    with h5py.File(path, "r") as f:
        found = []
        f.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
        for name, item in sorted(found):
            out.write(("%s %s %s\n" % (name, item.dtype, list(item.shape))).encode())
            out.write(item[()].tobytes())
)");
  const std::string command =
      "/usr/bin/python3 '" + (run / "read.py") + "' '" + (run / "checkpoints/step_00000003.a0001") + "' '" + (run / "out") + "'";
  REQUIRE(std::system(command.c_str()) == 0);

  std::string expected;
  for (int rank = 0; rank < 4; ++rank) {
    auto tensors = model(where(2, 2, rank, Cut::zero), 3, Size::large);
    std::vector<std::pair<std::string, std::string>> blocks;
    for (const CheckpointTensor& tensor : tensors) {
      if (!tensor.writes_here || tensor.data.numel() == 0) continue;
      const std::string name = dataset_name(tensor.name, tensor.global_shape, tensor.piece).substr(1);
      const Extents shape = dataset_shape(tensor.piece);
      const std::string line = fmt::format("{} {} [{}]\n", name, stored_dtype_name(tensor.data.scalar_type()), fmt::join(shape, ", "));
      blocks.emplace_back(name, line + bytes_of(tensor.data));
    }
    std::sort(blocks.begin(), blocks.end());
    for (const auto& [name, text] : blocks) expected += text;
  }
  CHECK((storage.read_text(run / "out") == expected));
}
