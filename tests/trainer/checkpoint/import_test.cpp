// SPDX-License-Identifier: Apache-2.0
// Models of transformers come with their logits: tests/golden/huggingface_golden.py made them.
#include "trainer/checkpoint/import.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/export.hpp"
#include "trainer/checkpoint/formats/safetensors_files.hpp"
#include "trainer/checkpoint/verify.hpp"
#include "trainer/run_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string golden_model(const std::string& name) { return std::string(std::getenv("ERGON_SOURCE")) + "/tests/golden/huggingface/" + name; }

struct Golden {
  explicit Golden(const std::string& name) {
    const auto json = nlohmann::json::parse(test::read_file(golden_model(name) + "/logits.json"));
    tokens = json.at("tokens").get<std::vector<std::int64_t>>();
    std::vector<double> values;
    for (const auto& row : json.at("logits"))
      for (const auto& value : row) values.push_back(value.get<double>());
    logits = at::tensor(values, at::kDouble).view({static_cast<std::int64_t>(tokens.size()), -1});
  }
  std::vector<std::int64_t> tokens;
  at::Tensor logits;
};

struct Place {
  TemporaryFolder root;
  test::InspectingStorage storage;
  std::vector<std::string> messages;

  ImportedRun import(const std::string& from, const std::string& run, std::optional<at::ScalarType> dtype = {}) {
    return import_model(storage, open_model(storage, from, messages), {root / run, {"tokens.h5"}, dtype, from});
  }
  std::string refusal(const std::string& path) {
    try {
      open_model(storage, path, messages);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
      return error.problem() + " " + error.hint();
    }
    return "no error";
  }
};

// The largest distance of logits, of the largest golden one.
double distance(Place& place, const std::string& run, const Golden& expected) {
  const at::Tensor logits = test::logits_of(place.storage, place.root / run, expected.tokens);
  return logits.sub(expected.logits).abs().max().item<double>() / expected.logits.abs().max().item<double>();
}

}  // namespace

TEST_CASE("import: logits are those of transformers") {
  Place place;
  const Golden gpt2("gpt2"), llama("llama");
  CHECK(gpt2.logits.std().item<double>() > 3);
  CHECK(llama.logits.std().item<double>() > 3);
  place.import(golden_model("gpt2"), "gpt2-64", at::kDouble);
  CHECK(distance(place, "gpt2-64", gpt2) <= 1e-10);
  place.import(golden_model("gpt2"), "gpt2-32");
  CHECK(distance(place, "gpt2-32", gpt2) <= 1e-5);
  place.import(golden_model("llama"), "llama-32");
  CHECK(distance(place, "llama-32", llama) <= 1e-5);
}

TEST_CASE("import, then export: every file of transformers again, to the bit") {
  Place place;
  for (const std::string name : {"gpt2", "llama"}) {
    place.import(golden_model(name), name);
    const CheckpointReader reader(place.storage, checkpoint_folder(place.storage, place.root / name, place.messages));
    export_model(place.storage, reader, place.root / (name + "-out"), {});
    const LazyTensors before = read_safetensors(place.storage, golden_model(name)),
                      after = read_safetensors(place.storage, place.root / (name + "-out"));
    CHECK(before.size() == after.size());
    for (const LazyTensor& tensor : before) {
      const LazyTensor* same = find(after, tensor.name);
      REQUIRE(same != nullptr);
      CHECK(value_of(*same).equal(value_of(tensor)));
    }
    const auto theirs = nlohmann::json::parse(test::read_file(golden_model(name) + "/config.json"));
    const auto ours = nlohmann::json::parse(place.storage.read_text(place.root / (name + "-out/config.json")));
    for (const char* key :
         {"n_layer", "n_embd", "n_head", "n_inner", "n_positions", "vocab_size", "layer_norm_epsilon", "activation_function", "hidden_size",
          "num_key_value_heads", "rms_norm_eps", "rope_theta", "tie_word_embeddings", "model_type", "architectures"})
      if (theirs.contains(key) && ours.contains(key)) CHECK(ours.at(key) == theirs.at(key));
  }
}

TEST_CASE("a square tensor of an import that is transposed shows in the logits") {
  for (const std::string name : {"gpt2", "llama"}) {
    Place place;
    const Golden expected(name);
    int squares = 0;
    ForeignModel model = open_model(place.storage, golden_model(name), place.messages);
    for (LazyTensor& tensor : model.parameters) {
      if (tensor.shape.size() != 2 || tensor.shape[0] != tensor.shape[1]) continue;
      const LazyTensor kept = tensor;
      tensor.read = [kept] { return kept.read().t().contiguous(); };
      const std::string run = fmt::format("run{}", squares++);
      import_model(place.storage, model, {place.root / run, {}, {}, name});
      CHECK(distance(place, run, expected) > 1e-3);
      tensor = kept;
    }
    CHECK(squares == (name == "gpt2" ? 8 : 4));
  }
}

TEST_CASE("import: a run folder with its configuration and a checkpoint of step 0 that verifies") {
  Place place;
  const ImportedRun run = place.import(golden_model("llama"), "run");
  CHECK(run.checkpoint == place.root / "run/checkpoints/step_00000000.a0000");
  CHECK(run.dtype == at::kFloat);
  CHECK(verify_checkpoint(place.storage, run.checkpoint, VerifyDepth::full).empty());
  const RunConfig config = RunFolder(place.storage, place.root / "run").stored_config();
  CHECK(config.run.folder == place.root / "run");
  CHECK(config.data.train == std::vector<std::string>{"tokens.h5"});
  CHECK(config.model.rope_theta == 500);
  const CheckpointReader reader(place.storage, run.checkpoint);
  std::int64_t parameters = 0;
  for (const LazyTensor& tensor : reader.tensors("parameters/")) parameters += num_elements(tensor.shape);
  CHECK(run.parameters == parameters);
  for (const LazyTensor& tensor : reader.tensors("second_moment/")) CHECK(value_of(tensor).count_nonzero().item<std::int64_t>() == 0);
  CHECK_NOTHROW(check_imported_model(reader.state(), config.model, "x"));
  ModelShape other = config.model;
  other.rope_theta = 1e4;
  other.dropout = 0.1;  // may change
  CHECK_THROWS_WITH(check_imported_model(reader.state(), other, "x"),
                    Catch::Contains("model.rope_theta is ") && Catch::Contains(", but the imported model has 500"));
  CHECK_THROWS_WITH(place.import(golden_model("llama"), "run"), Catch::Contains("this exists already"));
}

TEST_CASE("import: from an HDF5 model of any name, from a run, and from one of its checkpoints") {
  Place place;
  const ModelShape model = test::tiny_gpt2("norm=\"rmsnorm\"");
  const std::string folder = test::save_model(place.storage, place.root / "run", model, at::kDouble);
  const CheckpointReader reader(place.storage, folder);
  for (const char* name : {"model.h5", "model", "model.bin"})
    export_model(place.storage, reader, place.root / name, {ExportFormat::hdf5, {}, {}});
  int number = 0;
  for (const std::string& path : {place.root / "model.h5", place.root / "model", place.root / "model.bin", folder, place.root / "run"}) {
    const ImportedRun run = place.import(path, fmt::format("import{}", number++));
    CHECK(run.dtype == at::kDouble);
    const CheckpointReader imported(place.storage, run.checkpoint);
    CHECK(imported.model() == model);
    for (const LazyTensor& tensor : reader.tensors("parameters/"))
      CHECK(value_of(tensor).equal(value_of(*find(imported.tensors("parameters/"), tensor.name))));
  }
}

TEST_CASE("import: pickles are refused with the way to safetensors, and other things for what they are") {
  Place place;
  for (const char* name : {"model.pt", "model.pth", "model.bin", "x.ckpt", "x.pkl", "x.pickle", "notes.txt"})
    place.storage.write_text(place.root / name, "x");
  for (const char* name : {"model.pt", "model.pth", "model.bin", "x.ckpt", "x.pkl", "x.pickle"}) {
    const std::string said = place.refusal(place.root / name);
    CHECK_THAT(said, Catch::Contains("a pickle is a program, and reading one runs it: Ergon reads none"));
    CHECK_THAT(said, Catch::Contains("safetensors.torch.save_file"));
  }
  CHECK_THAT(place.refusal(place.root / "notes.txt"), Catch::Contains("this is no model that Ergon reads"));
  place.storage.write_text(place.root / "longer notes", "as long as a signature");
  CHECK_THAT(place.refusal(place.root / "longer notes"), Catch::Contains("this is no model that Ergon reads"));
  place.storage.write_text(place.root / "damaged.h5", "as long as a signature");
  CHECK_THAT(place.refusal(place.root / "damaged.h5"), Catch::Contains("is not an HDF5 file"));
  CHECK_THAT(place.refusal(place.root / "nowhere"), Catch::Contains("there is no such file or folder"));
  place.storage.make_directory(place.root / "empty");
  CHECK_THAT(place.refusal(place.root / "empty"), Catch::Contains("this is no model that Ergon reads"));
  place.storage.make_directory(place.root / "torch");
  place.storage.write_text(place.root / "torch/config.json", test::read_file(golden_model("gpt2") + "/config.json"));
  CHECK_THAT(place.refusal(place.root / "torch"), Catch::Contains("this is no model that Ergon reads"));
  place.storage.write_text(place.root / "torch/pytorch_model.bin", "x");
  CHECK_THAT(place.refusal(place.root / "torch"), Catch::Contains("a pickle is a program"));
}
