// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint diff` on checkpoints made here.
#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/canonical_contents.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::Called;
using ergon::test::TemporaryFolder;

namespace {

Called diff_command(std::vector<std::string> arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", std::move(arguments));
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}

// The checkpoint at `to`: that at `from` with the first element of one tensor set.
void set(Storage& storage, const std::string& from, const std::string& to, const std::string& name, double value) {
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

TEST_CASE("checkpoint diff: equal checkpoints end with 0, others with 1 and say how far they are apart") {
  const TemporaryFolder root;
  Storage storage;
  const std::string a = test::save_model(storage, root / "run", test::tiny_llama()), b = root / "b";
  const Called same = diff_command({"diff", root / "run", a});
  CHECK(same.code == 0);
  CHECK_THAT(same.text, Catch::Contains("63 tensors, all equal"));
  set(storage, a, b, "first_moment/head.norm.weight", 1000);
  const Called differs = diff_command({"diff", a, b});
  CHECK(differs.code == 1);
  CHECK_THAT(differs.text, Catch::Contains("first_moment/head.norm.weight") && Catch::Contains("1 elements  absolute") &&
                               Catch::Contains("63 tensors in both, 1 differences"));
  CHECK(diff_command({"diff", a, b, "--parameters"}).code == 0);
  const auto json = nlohmann::json::parse(diff_command({"diff", a, b, "--json"}).text);
  CHECK(json.at("schema") == "ergon.checkpoint_diff.v1");
  CHECK(json.at("equal") == false);
  CHECK(json.at("differences").at(0).at("absolute").get<double>() > 990);
}

TEST_CASE("checkpoint diff: shapes, missing tensors and distances without end") {
  const TemporaryFolder root;
  Storage storage;
  const std::string a = test::save_model(storage, root / "a", test::tiny_llama()),
                    b = test::save_model(storage, root / "b", test::tiny_gpt2());
  const Called text = diff_command({"diff", a, b});
  CHECK(text.code == 1);
  CHECK_THAT(text.text, Catch::Contains("only in the first") && Catch::Contains("only in the second") &&
                            Catch::Contains("another shape: [8, 16] and [16, 16]"));
  const auto shapes = nlohmann::json::parse(diff_command({"diff", a, b, "--json"}).text);
  bool seen = false;
  for (const auto& row : shapes.at("differences")) seen = seen || (row.at("kind") == "another shape" && row.at("first") == "[8, 16]");
  CHECK(seen);
  set(storage, a, root / "c", "parameters/head.weight", INFINITY);
  const auto row = nlohmann::json::parse(diff_command({"diff", a, root / "c", "--json"}).text).at("differences").at(0);
  CHECK(row.at("absolute").is_null());
  CHECK(row.at("reason").at("absolute") == "infinite");
}
