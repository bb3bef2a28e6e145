// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/hdf5_model.hpp"

#include <ATen/ops/ones.h>

#include "configs/error.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/shard_file.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

template <typename Call>
std::string problem_with(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.problem();
  }
  return "no error";
}

void write_shard_as(Storage& storage, const TemporaryFolder& folder, const std::string& name, const ShardHeading& heading,
                    at::ScalarType dtype = at::kFloat) {
  write_shard(storage, folder.path(), name, {{"w", dtype, {2}, whole_piece(whole({2})), [=] { return at::ones({2}, dtype); }}}, heading);
}

}  // namespace

TEST_CASE("an HDF5 model holds any model and comes back as it was; equal ones have equal bytes") {
  const TemporaryFolder folder;
  test::InspectingStorage storage;
  const ModelShape model = test::tiny_gpt2("norm=\"rmsnorm\"\nwindow=5\npreset=\"tiny-gpt\"");
  const LazyTensors parameters = test::noisy_parameters(model, at::kDouble);
  const std::string path = folder / "deep/model.h5";
  const Bytes written = write_hdf5_model(storage, path, model, parameters);
  CHECK(written.value == storage.size(path));
  const Hdf5Model read = read_hdf5_model(storage, path);
  CHECK(read.model == model);
  REQUIRE(read.parameters.size() == parameters.size());
  for (const LazyTensor& parameter : parameters) {
    const LazyTensor* same = find(read.parameters, parameter.name);
    REQUIRE(same != nullptr);
    CHECK(value_of(*same).equal(value_of(parameter)));
  }
  write_hdf5_model(storage, folder / "again.h5", model, parameters);
  CHECK(test::read_file(path) == test::read_file(folder / "again.h5"));
}

TEST_CASE("HDF5 models: a write that fails leaves nothing in the way of the next one") {
  struct Failing : test::InspectingStorage {
    void allocate(const File& file, std::int64_t bytes) override {
      if (!at_the_end) throw Error("no space left on device", file.path(), "", ExitCode::data);
      Storage::allocate(file, bytes);
    }
    void sync(const File& file) override {
      if (at_the_end) throw Error("sync failed: Input/output error", file.path(), "", ExitCode::data);
      Storage::sync(file);
    }
    bool at_the_end = false;
  };
  const TemporaryFolder folder;
  const ModelShape model = test::tiny_llama();
  const LazyTensors parameters = test::noisy_parameters(model, at::kFloat);
  for (const bool at_the_end : {false, true}) {
    Failing storage;
    storage.at_the_end = at_the_end;
    CHECK_THROWS_AS(write_hdf5_model(storage, folder / "m.h5", model, parameters), Error);
    CHECK(storage.list(folder.path()).empty());
  }
  test::InspectingStorage storage;
  CHECK(write_hdf5_model(storage, folder / "m.h5", model, parameters).value > 0);
}

TEST_CASE("HDF5 models: nothing is overwritten, and a type that HDF5 has not is refused") {
  const TemporaryFolder folder;
  Storage storage;
  const ModelShape model = test::tiny_llama();
  storage.write_text(folder / "there.h5", "x");
  CHECK(problem_with([&] { write_hdf5_model(storage, folder / "there.h5", model, test::noisy_parameters(model, at::kFloat)); }) ==
        "this exists already, and nothing is overwritten");
  CHECK(problem_with([&] { write_hdf5_model(storage, folder / "new.h5", model, test::noisy_parameters(model, at::kBFloat16)); }) ==
        "HDF5 1.10 has no type for bfloat16");
}

TEST_CASE("HDF5 files that are no models") {
  const TemporaryFolder folder;
  test::InspectingStorage storage;
  write_shard_as(storage, folder, "shard.h5", {});
  CHECK(problem_with([&] { read_hdf5_model(storage, folder / "shard.h5"); }) ==
        "this is no model of version 1: ergon_format is 'checkpoint shard'");
  write_shard_as(storage, folder, "counts.h5", {"model", {{"model", "[model]\nlayers = 1\n"}}}, at::kLong);
  CHECK(problem_with([&] { read_hdf5_model(storage, folder / "counts.h5"); }) == "/w is i64, a parameter is f32 or f64");
  write_shard_as(storage, folder, "keys.h5", {"model", {{"model", "[model]\nlayer = 1\n"}}});
  CHECK(problem_with([&] { read_hdf5_model(storage, folder / "keys.h5"); }).find("layer") != std::string::npos);
}
