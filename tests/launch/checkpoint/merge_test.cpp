// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint merge` on checkpoints made here.
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/canonical_contents.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/verify.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::Called;
using ergon::test::TemporaryFolder;

namespace {

Called merge_command(std::vector<std::string> arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", std::move(arguments));
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}

// The checkpoint at `to`: that at `from` with the first element of one tensor set.
void set_all(Storage& storage, const std::string& from, const std::string& to, const std::string& name, double value) {
  const CheckpointReader reader(storage, from);
  CanonicalContents contents = test::contents_of(reader);
  for (LazyTensor& tensor : contents.tensors) {
    if (tensor.name != name) continue;
    tensor.read = [read = tensor.read, value] {
      at::Tensor changed = read();
      changed.mutable_data_ptr<float>()[0] = static_cast<float>(value);
      return changed;
    };
  }
  write_canonical(storage, to, contents);
}

}  // namespace

TEST_CASE("checkpoint merge: the mean, with weights, as a checkpoint that can be looked at") {
  const TemporaryFolder root;
  Storage storage;
  const std::string name = "parameters/head.norm.weight", a = root / "a", b = root / "b";
  const std::string run = test::save_model(storage, root / "run", test::tiny_llama());
  set_all(storage, run, a, name, 1);
  set_all(storage, run, b, name, 5);
  const auto first = [&](const std::string& folder) {
    return value_of(*find(CheckpointReader(storage, folder).tensors(), name)).const_data_ptr<float>()[0];
  };
  CHECK_THAT(merge_command({"merge", a, b, "-o", root / "mean/"}).text, Catch::Contains("mean: the mean of 2 checkpoints, 63 tensors"));
  CHECK(first(root / "mean") == 3);
  const auto json = nlohmann::json::parse(merge_command({"merge", "--weights", "3,1.0", "-o", root / "weighted", "--json", a, b}).text);
  CHECK(json.at("schema") == "ergon.checkpoint_merge.v1");
  CHECK(json.at("checkpoints").size() == 2);
  CHECK(first(root / "weighted") == 2);
  CHECK(merge_command({"diff", a, root / "mean"}).code == 1);
  test::InspectingStorage inspecting;
  CHECK(verify_checkpoint(inspecting, root / "mean", VerifyDepth::full).empty());
}

TEST_CASE("checkpoint merge: lines that are refused") {
  const TemporaryFolder root;
  Storage storage;
  const std::string a = test::save_model(storage, root / "a", test::tiny_llama()),
                    b = test::save_model(storage, root / "b", test::tiny_gpt2());
  CHECK_THAT(merge_command({"merge", a, a, "-o", root / "x", "--weights", "1,x"}).text, Catch::Contains("'x' is no number"));
  CHECK_THAT(merge_command({"merge", a, "-o", root / "x"}).text, Catch::Contains("a mean needs two checkpoints at least"));
  CHECK(merge_command({"merge", a, b, "-o", root / "x"}).code == 3);
  CHECK_FALSE(storage.exists(root / "x"));
}
