// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/checkpoint_reader.hpp"

#include "configs/error.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;

TEST_CASE("a reader gives the tensors of any mesh whole") {
  const TemporaryFolder run;
  Storage storage;
  for (const SaveResult& result : save_together(storage, run.path(), 3, 2, 2, Cut::zero, Size::large)) REQUIRE_FALSE(result.error);
  std::vector<std::string> messages;
  const CheckpointReader reader(storage, checkpoint_folder(storage, run.path(), messages));
  CHECK(reader.state().step == 3);
  CHECK(reader.manifest().id.step == 3);
  auto expected = model({}, 3, Size::large);
  const LazyTensors tensors = reader.tensors();
  REQUIRE(tensors.size() == expected.size());
  for (const CheckpointTensor& tensor : expected) {
    const LazyTensor* lazy = find(tensors, tensor.name);
    REQUIRE(lazy != nullptr);
    CHECK(value_of(*lazy).flatten().equal(tensor.data));
  }
  const LazyTensors parameters = reader.tensors("parameters/");
  CHECK(parameters.size() == 4);
  CHECK(parameters.front().name == "embedding");
}

TEST_CASE("a path is a checkpoint, a run whose newest verifying checkpoint is meant, or refused") {
  const TemporaryFolder run;
  Storage storage;
  std::vector<std::string> messages;
  const auto of = [&](const std::string& path) { return error_of([&] { checkpoint_folder(storage, path, messages); }); };
  CHECK(contains(of(run.path()), "this is neither a checkpoint nor a run folder with checkpoints"));
  storage.make_directory(run / "checkpoints");
  CHECK(contains(of(run.path()), "this run has no checkpoint yet"));
  const SaveResult first = save_alone(storage, run.path(), 1), second = save_alone(storage, run.path(), 2, 1, 0, {}, first.id);
  CHECK(checkpoint_folder(storage, run.path(), messages) == second.folder);
  CHECK(checkpoint_folder(storage, first.folder, messages) == first.folder);
  storage.truncate(storage.open_write(second.folder + "/index.json"), 10);
  CHECK(checkpoint_folder(storage, run.path(), messages) == first.folder);
  CHECK(any_contains(messages, "passed over"));
  CHECK(storage.exists(second.folder));
}

TEST_CASE("a block that does not match its checksum is told when it is read") {
  const TemporaryFolder run;
  Storage storage;
  const std::string folder = save_alone(storage, run.path(), 1).folder;
  const CheckpointReader reader(storage, folder);
  const StoredPiece& piece = reader.index().tensors.front().pieces.front();
  const Storage::File file = storage.open_write(folder + "/" + piece.file);
  std::byte byte{};
  storage.pread(file, {&byte, 1}, piece.offset);
  byte ^= std::byte{1};
  storage.pwrite(file, {&byte, 1}, piece.offset);
  CHECK_THROWS_AS(reader.tensors().front().read(), Corrupt);
}

TEST_CASE("a provenance that was written to do harm is refused, whatever its checksum says") {
  const TemporaryFolder run;
  Storage storage;
  const std::string folder = save_alone(storage, run.path(), 1).folder;
  const std::string deep = "{\"a\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}";
  using Row = std::pair<std::string, const char*>;
  for (const auto& [text, said] : {Row{deep, "nests deeper than 64 levels"}, Row{"[1]", "is no object"}}) {
    Manifest manifest = CheckpointReader(storage, folder).manifest();
    for (StoredFile& file : manifest.files) {
      if (file.name != provenance_name) continue;
      file.bytes = static_cast<std::int64_t>(text.size());
      file.crc = crc32c(text);
    }
    storage.write_text(folder + "/" + provenance_name, text);
    storage.write_text(folder + "/" + manifest_name, to_text(manifest));
    const CheckpointReader reader(storage, folder);
    CHECK(contains(error_of([&] { (void)reader.provenance(); }), said));
  }
}
