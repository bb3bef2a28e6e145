// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/piece_reader.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/checkpoint/shard_file.hpp"

using namespace ergon;

namespace {

struct Stored {
  TemporaryFolder folder;
  Storage storage;
  CheckpointIndex index;

  explicit Stored(int tp, int dp, Cut cut) {
    std::vector<ShardTable> tables;
    for (int rank = 0; rank < tp * dp; ++rank) {
      tables.push_back(write_shard(storage, folder.path(), shard_name(rank), model(where(tp, dp, rank, cut), 9, Size::large)));
    }
    index = merge(tables);
  }
  void read(const CheckpointTensor& tensor) { PieceReader(storage, folder.path()).read(*index.find(tensor.name), tensor); }
};

void flip(Storage& storage, const std::string& path, std::int64_t offset) {
  const Storage::File file = storage.open_write(path);
  std::byte byte;
  storage.pread(file, {&byte, 1}, offset);
  byte ^= std::byte{1};
  storage.pwrite(file, {&byte, 1}, offset);
}

}  // namespace

TEST_CASE("what was cut in one way is read cut in every other way") {
  for (const Cut saved : {Cut::owner, Cut::zero}) {
    Stored stored(2, 2, saved);
    for (const auto& [tp, dp] : {std::pair{1, 1}, {2, 1}, {1, 3}, {4, 2}, {3, 1}, {1, 7}}) {
      for (int rank = 0; rank < tp * dp; ++rank) {
        const auto tensors = model(where(tp, dp, rank, Cut::zero), -1, Size::large);
        for (const CheckpointTensor& tensor : tensors) stored.read(tensor);
        CAPTURE(tp, dp, rank);
        CHECK(holds(tensors, 9));
      }
    }
  }
}

TEST_CASE("a piece of a few elements in the middle of a row") {
  Stored stored(2, 2, Cut::zero);
  const ShardBox box{{3, 10}, {20, 11}};
  const CheckpointTensor tensor{"parameters/matrix", {40, 30}, {box, {5, 40}}, at::zeros({35}, at::kFloat), false};
  stored.read(tensor);
  CHECK(holds({tensor}, 9));
}

TEST_CASE("a flipped bit is refused by those who read its block, and by nobody else") {
  Stored stored(1, 1, Cut::owner);
  const StoredPiece& piece = stored.index.find("parameters/large")->pieces.at(0);
  REQUIRE(piece.crcs.size() == 2);
  flip(stored.storage, stored.folder / piece.file, piece.offset + checkpoint_block + 17);
  const CheckpointTensor first{
      "parameters/large", {300, 1000}, {whole({300, 1000}), {0, 262'144}}, at::zeros({262'144}, at::kFloat), false};
  stored.read(first);
  CHECK(holds({first}, 9));
  const CheckpointTensor more{"parameters/large", {300, 1000}, {whole({300, 1000}), {0, 262'145}}, at::zeros({262'145}, at::kFloat), false};
  CHECK_THROWS_AS(stored.read(more), Corrupt);
  CHECK(error_of([&] { stored.read(more); }) ==
        "block 1 of tensor parameters/large does not match its checksum @ " + (stored.folder / "shard_0000.h5"));
}

TEST_CASE("a tensor of more blocks than are read at once, whole and from the middle of a block") {
  const std::int64_t elements = 11 * checkpoint_block / 8 + 5;
  const at::Tensor values = at::arange(elements, at::kDouble);
  const TemporaryFolder folder;
  Storage storage;
  const CheckpointIndex index =
      merge({write_shard(storage, folder.path(), shard_name(0), {{"long", {elements}, whole_piece(whole({elements})), values, true}})});
  PieceReader reader(storage, folder.path());
  for (const auto& [begin, end] :
       {std::pair<std::int64_t, std::int64_t>{0, elements}, {3, elements}, {3, elements - 1}, {checkpoint_block / 8, elements - 7}}) {
    CAPTURE(begin, end);
    const CheckpointTensor part{"long", {elements}, {whole({elements}), {begin, end}}, at::zeros({end - begin}, at::kDouble), false};
    reader.read(*index.find("long"), part);
    CHECK(part.data.equal(values.slice(0, begin, end)));
  }
}

TEST_CASE("a file is opened once for all the tensors that lie in it") {
  struct Counting : Storage {
    File open_read_inside(const std::string& folder, const std::string& name) override {
      ++opened;
      return Storage::open_read_inside(folder, name);
    }
    int opened = 0;
  } counting;
  Stored stored(2, 1, Cut::owner);
  PieceReader reader(counting, stored.folder.path());
  for (const int rank : {0, 1}) {
    const auto tensors = model(where(2, 1, rank, Cut::owner), -1, Size::large);
    for (const CheckpointTensor& tensor : tensors)
      if (tensor.global_shape.size() > 1) reader.read(*stored.index.find(tensor.name), tensor);
    CHECK(counting.opened == rank + 1);
  }
}

TEST_CASE("missing and short files name file and tensor") {
  Stored stored(1, 1, Cut::owner);
  const auto tensor = model({}, -1, Size::large).at(0);
  const std::string path = stored.folder / "shard_0000.h5";
  stored.storage.truncate(stored.storage.open_write(path), 3000);
  CHECK(error_of([&] { stored.read(tensor); }) == "the file is cut short, tensor parameters/embedding needs more @ " + path);
  stored.storage.unlink(path);
  CHECK(error_of([&] { stored.read(tensor); }) == "the file is missing, tensor parameters/embedding needs it @ " + path);
  CHECK_THROWS_AS(stored.read(tensor), Corrupt);
}

TEST_CASE("another shape or dtype is no corruption") {
  Stored stored(1, 1, Cut::owner);
  const CheckpointTensor shape{"parameters/norm", {31}, whole_piece(whole({31})), at::zeros({31}, at::kDouble), false};
  CHECK(error_of([&] { stored.read(shape); }) ==
        "tensor parameters/norm is [30] in the checkpoint, the model wants [31] @ " + stored.folder.path());
  const CheckpointTensor dtype{"parameters/norm", {30}, whole_piece(whole({30})), at::zeros({30}, at::kFloat), false};
  const std::string message = error_of([&] { stored.read(dtype); });
  CHECK(message == "tensor parameters/norm is float64 in the checkpoint, the model wants Float @ " + stored.folder.path());
  bool corrupt = false;
  try {
    stored.read(dtype);
  } catch (const Corrupt&) {
    corrupt = true;
  } catch (const Error&) {
  }
  CHECK_FALSE(corrupt);
}

TEST_CASE("an index with a hole does not fill a tensor by halves") {
  Stored stored(2, 1, Cut::owner);
  for (StoredTensor& tensor : stored.index.tensors) tensor.pieces.resize(1);
  const auto tensor = model({}, -1, Size::large).at(0);
  CHECK(error_of([&] { stored.read(tensor); }) ==
        "tensor parameters/embedding has a hole: 768 of 1542 elements are stored @ " + stored.folder.path());
}
