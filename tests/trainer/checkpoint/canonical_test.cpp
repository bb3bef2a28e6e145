// SPDX-License-Identifier: Apache-2.0
// That every mesh comes to the same bytes: resharding_test.cpp.
#include "trainer/checkpoint/canonical.hpp"

#include "configs/error.hpp"
#include "tests/trainer/checkpoint/canonical_contents.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/verify.hpp"

using namespace ergon;
namespace fs = std::filesystem;

namespace {

// The canonical form of a save of step 3 on tp x dp ranks.
struct Resaved {
  Resaved(int tp, int dp, Cut cut) {
    for (const SaveResult& saved : save_together(storage, run.path(), 3, tp, dp, cut, Size::large)) REQUIRE_FALSE(saved.error);
    const CheckpointReader reader(storage, run / "checkpoints/step_00000003.a0001");
    result = resave_canonical(storage, reader, folder);
  }
  std::string bytes(const std::string& name) { return test::read_file(folder + "/" + name); }
  TemporaryFolder run;
  test::InspectingStorage storage;
  std::string folder = run / "canonical";
  CanonicalResult result;
};

}  // namespace

TEST_CASE("canonical: one shard of whole tensors in order of the names, which verifies") {
  Resaved resaved(2, 2, Cut::zero);
  CHECK(resaved.storage.list(resaved.folder) ==
        std::vector<std::string>{"MANIFEST.json", "index.json", "provenance.json", "shard_0000.h5", "state.json"});
  CHECK(verify_checkpoint(resaved.storage, resaved.folder, VerifyDepth::full).empty());
  const CheckpointReader reader(resaved.storage, resaved.folder);
  std::int64_t end = 0;
  for (const StoredTensor& tensor : reader.index().tensors) {
    REQUIRE(tensor.pieces.size() == 1);
    CHECK(tensor.pieces[0].dataset == "/" + tensor.name);
    CHECK(tensor.pieces[0].offset >= end);
    end = tensor.pieces[0].offset + tensor.pieces[0].bytes;
  }
  std::int64_t bytes = 0;
  for (const StoredFile& file : reader.manifest().files) bytes += file.bytes;
  CHECK(resaved.result.bytes.value == bytes);
  const CheckpointReader before(resaved.storage, resaved.run / "checkpoints/step_00000003.a0001");
  CHECK(reader.manifest().id == before.manifest().id);
  CHECK(reader.state_text() == before.state_text());
  CHECK(contains(reader.provenance(), "\"content_sha256\": \"" + resaved.result.content_hash + "\""));
}

TEST_CASE("canonical: equal bytes whoever wrote what; the hash sees a changed bit, a name and a shape") {
  Resaved a(2, 2, Cut::zero), b(1, 1, Cut::owner);
  for (const char* name : {"shard_0000.h5", "index.json"}) CHECK(a.bytes(name) == b.bytes(name));
  CHECK(a.result.content_hash == b.result.content_hash);
  CHECK(a.result.content_hash.size() == 64);

  const CheckpointReader reader(a.storage, a.folder);
  CanonicalContents contents = test::contents_of(reader);
  const auto hash = [&](const std::string& name) { return write_canonical(a.storage, a.run / name, contents).content_hash; };
  CHECK(hash("same") == a.result.content_hash);
  contents.tensors[1].read = [read = contents.tensors[1].read] {
    at::Tensor value = read();
    value.mutable_data_ptr<float>()[5] += 1;
    return value;
  };
  const std::string changed = hash("changed");
  CHECK(changed != a.result.content_hash);
  contents.tensors[1].name += "x";
  const std::string renamed = hash("renamed");
  CHECK(renamed != changed);
  std::swap(contents.tensors[1].shape[0], contents.tensors[1].shape[1]);
  contents.tensors[1].read = [read = contents.tensors[1].read, shape = contents.tensors[1].shape] { return read().reshape(shape); };
  CHECK(hash("reshaped") != renamed);
}

TEST_CASE("canonical: a run resumes from it in the place of what it was made from") {
  Resaved resaved(4, 1, Cut::owner);
  const std::string original = resaved.run / "checkpoints/step_00000003.a0001";
  fs::remove_all(original);
  fs::rename(resaved.folder, original);
  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader loader(resaved.storage, resaved.run.path(), *control);
  REQUIRE(loader.open());
  const auto tensors = model({}, -1, Size::large);
  loader.load(tensors);
  CHECK(holds(tensors, 3));
  CHECK(loader.state().step == 3);
}

TEST_CASE("canonical: nothing is overwritten, a save that fails leaves nothing, a checkpoint without tensors has no shard") {
  Resaved resaved(1, 1, Cut::owner);
  const CheckpointReader reader(resaved.storage, resaved.folder);
  CHECK_THROWS_WITH(resave_canonical(resaved.storage, reader, resaved.folder), Catch::Contains("this exists already"));
  CanonicalContents contents = test::contents_of(reader);
  contents.tensors[2].read = []() -> at::Tensor { throw Error("planted", "", ""); };
  CHECK_THROWS_WITH(write_canonical(resaved.storage, resaved.run / "failed", contents), Catch::Contains("planted"));
  CHECK_FALSE(resaved.storage.exists(resaved.run / "failed"));
  CHECK_FALSE(resaved.storage.exists(resaved.run / "failed.tmp"));
  contents.tensors[2].shape[0] = 0;
  CHECK_THROWS_AS(write_canonical(resaved.storage, resaved.run / "empty", contents), Bug);
  contents.tensors.clear();
  write_canonical(resaved.storage, resaved.run / "none", contents);
  CHECK_FALSE(resaved.storage.exists(resaved.run / "none/shard_0000.h5"));
  CHECK(verify_checkpoint(resaved.storage, resaved.run / "none", VerifyDepth::full).empty());
}
