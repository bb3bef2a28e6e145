// SPDX-License-Identifier: Apache-2.0
// A token store and a checkpoint of version 1, which every later version reads: tests/golden/formats_golden.py made them and says, from
// reading them without Ergon, what is in them.
#include <nlohmann/json.hpp>

#include "configs/sha256.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/verify.hpp"
#include "trainer/data/token_store.hpp"

using namespace ergon;

namespace {

std::string golden(const std::string& name) { return std::string(std::getenv("ERGON_SOURCE")) + "/tests/golden/" + name; }

nlohmann::json expected() { return nlohmann::json::parse(test::read_file(golden("formats.v1.json"))); }

std::string hash_of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

}  // namespace

TEST_CASE("golden files are as they were written") {
  const nlohmann::json files = expected().at("files");
  CHECK(files.size() > 1);
  for (const auto& [name, hash] : files.items())
    CHECK(sha256_hex(test::read_file(name == "tokens.v1.h5" ? golden(name) : golden("checkpoint.v1/" + name))) == hash);
}

TEST_CASE("the checkpoint of version 1: it verifies, and every tensor is what was written") {
  test::InspectingStorage storage;
  CHECK(verify_checkpoint(storage, golden("checkpoint.v1"), VerifyDepth::full).empty());
  const CheckpointReader reader(storage, golden("checkpoint.v1"));
  CHECK(reader.state().step == 2);
  CHECK(reader.state().mesh == MeshSizes{2, 1, 1, 2});
  CHECK(reader.model().width == 8);
  const auto json = expected().at("tensors");
  const LazyTensors tensors = reader.tensors();
  CHECK(tensors.size() == json.size());
  for (const LazyTensor& tensor : tensors) {
    CHECK(tensor.shape == json.at(tensor.name).at("shape").get<Extents>());
    const at::Tensor value = value_of(tensor);
    CHECK(hash_of({static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()}) == json.at(tensor.name).at("sha256"));
  }
}

TEST_CASE("the token store of version 1: it opens, and every token is what was written") {
  test::InspectingStorage storage;
  const TokenStore store(golden("tokens.v1.h5"), storage);
  const auto json = expected().at("store");
  CHECK(store.info().uuid == json.at("uuid"));
  CHECK(store.info().documents == json.at("documents"));
  REQUIRE(store.info().tokens == json.at("tokens"));
  std::vector<std::int32_t> ids(static_cast<std::size_t>(store.info().tokens));
  store.read(0, ids);
  CHECK(hash_of(std::as_bytes(std::span(ids))) == json.at("ids_sha256"));
}
