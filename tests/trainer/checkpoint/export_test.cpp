// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/export.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/formats/hdf5_model.hpp"
#include "trainer/checkpoint/formats/safetensors_files.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;
using test::tiny_gpt2;
using test::tiny_llama;

namespace {

struct SavedModel {
  explicit SavedModel(const ModelShape& model, at::ScalarType dtype = at::kFloat)
      : reader(storage, test::save_model(storage, root / "run", model, dtype)) {}
  TemporaryFolder root;
  test::InspectingStorage storage;
  CheckpointReader reader;
};

}  // namespace

TEST_CASE("export: safetensors with config.json, in one file or several") {
  SavedModel saved(tiny_gpt2());
  const ExportResult result = export_model(saved.storage, saved.reader, saved.root / "out", {});
  CHECK(result.layout == "gpt2");
  CHECK(result.tensors == 28);
  CHECK(saved.storage.list(saved.root / "out") == std::vector<std::string>{"config.json", "model.safetensors"});
  CHECK(result.bytes.value ==
        saved.storage.size(saved.root / "out/config.json") + saved.storage.size(saved.root / "out/model.safetensors"));
  ExportOptions cut;
  cut.shard = {4000};
  export_model(saved.storage, saved.reader, saved.root / "cut", cut);
  CHECK(saved.storage.list(saved.root / "cut").size() > 5);
  const LazyTensors one = read_safetensors(saved.storage, saved.root / "out"), many = read_safetensors(saved.storage, saved.root / "cut");
  REQUIRE(one.size() == many.size());
  for (const LazyTensor& tensor : one) CHECK(value_of(tensor).equal(value_of(*find(many, tensor.name))));
}

TEST_CASE("export: pt lies beside config.json under the name that Hugging Face looks for") {
  SavedModel saved(tiny_llama());
  ExportOptions options;
  options.format = ExportFormat::pt;
  CHECK(export_model(saved.storage, saved.reader, saved.root / "out", options).layout == "llama");
  CHECK(saved.storage.list(saved.root / "out") == std::vector<std::string>{"config.json", "pytorch_model.bin"});
}

TEST_CASE("export: hdf5 takes a model that has no layout elsewhere; the others refuse it and leave nothing") {
  SavedModel saved(tiny_gpt2("norm=\"rmsnorm\""), at::kDouble);
  CHECK_THROWS_WITH(export_model(saved.storage, saved.reader, saved.root / "out", {}), Catch::Contains("no layout in Hugging Face"));
  CHECK(saved.storage.list(saved.root.path()) == std::vector<std::string>{"run"});
  ExportOptions options;
  options.format = ExportFormat::hdf5;
  const ExportResult result = export_model(saved.storage, saved.reader, saved.root / "out.h5", options);
  CHECK(result.layout == "ergon");
  const Hdf5Model read = read_hdf5_model(saved.storage, saved.root / "out.h5");
  CHECK(read.model == saved.reader.model());
  CHECK(static_cast<std::int64_t>(read.parameters.size()) == result.tensors);
  for (const LazyTensor& tensor : saved.reader.tensors("parameters/"))
    CHECK(value_of(tensor).equal(value_of(*find(read.parameters, tensor.name))));
}

TEST_CASE("export: weights are rounded to the type that is asked for, and config.json names it") {
  SavedModel saved(tiny_llama());
  ExportOptions options;
  options.dtype = at::kBFloat16;
  export_model(saved.storage, saved.reader, saved.root / "out", options);
  const LazyTensors read = read_safetensors(saved.storage, saved.root / "out");
  const at::Tensor expected = value_of(*find(saved.reader.tensors("parameters/"), "head.weight"));
  CHECK(value_of(*find(read, "lm_head.weight")).equal(expected.to(at::kBFloat16)));
  const auto config = nlohmann::json::parse(saved.storage.read_text(saved.root / "out/config.json"));
  CHECK(config.at("torch_dtype") == "bfloat16");
}

TEST_CASE("export: a checkpoint that is not the model of its configuration is refused") {
  const TemporaryFolder root;
  Storage storage;
  RunState state;
  ModelShape deeper = tiny_gpt2();
  deeper.layers = 3;
  state.config = model_section(deeper);
  CanonicalContents contents;
  contents.id = {"u", 0, 1};
  contents.run_uuid = std::string("r");
  contents.state = to_text(state);
  contents.provenance = std::string("{}");
  for (LazyTensor& tensor : test::noisy_parameters(tiny_gpt2(), at::kFloat)) {
    tensor.name = "parameters/" + tensor.name;
    contents.tensors.push_back(std::move(tensor));
  }
  write_canonical(storage, root / "checkpoint", contents);
  const CheckpointReader reader(storage, root / "checkpoint");
  CHECK_THROWS_WITH(export_model(storage, reader, root / "out", {}),
                    Catch::Contains("the parameter layers.2.attention.key.bias is missing"));
}
