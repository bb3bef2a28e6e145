// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/import.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "configs/resume.hpp"
#include "configs/toml.hpp"
#include "trainer/checkpoint/canonical.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/formats/hdf5_model.hpp"
#include "trainer/checkpoint/formats/huggingface_config.hpp"
#include "trainer/checkpoint/formats/huggingface_tensors.hpp"
#include "trainer/checkpoint/formats/safetensors_files.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/new_folder.hpp"
#include "trainer/hdf5_contents.hpp"
#include "trainer/run_folder.hpp"

namespace ergon {

namespace {

[[noreturn]] void refuse_pickle(const std::string& path) {
  throw Error(
      "a pickle is a program, and reading one runs it: Ergon reads none", path,
      "save it as safetensors, in Python: safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"model.safetensors\"), or "
      "model.save_pretrained(FOLDER); then import the folder",
      ExitCode::data);
}

[[noreturn]] void refuse_unknown(const std::string& path) {
  throw Error("this is no model that Ergon reads", path,
              "name a folder with config.json and model.safetensors, a file of `ergon checkpoint export --format hdf5`, or a run",
              ExitCode::data);
}

bool is_pickle_name(const std::string& name) {
  constexpr std::array endings = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"};
  return std::any_of(endings.begin(), endings.end(), [&](const char* ending) { return name.ends_with(ending); });
}

bool is_folder(Storage& storage, const std::string& path) { return storage.exists(path + "/."); }

// By its name, so that a damaged one is refused for what is damaged, or by its first bytes: an export has whatever name it was given.
bool is_hdf5(Storage& storage, const std::string& path) {
  if (path.ends_with(".h5") || path.ends_with(".hdf5")) return true;
  std::array<char, hdf5_signature.size()> head{};
  if (storage.size(path) < std::ssize(head)) return false;
  storage.pread(storage.open_read(path), std::as_writable_bytes(std::span(head)), 0);
  return head == hdf5_signature;
}

ForeignModel open_file(Storage& storage, const std::string& path) {
  if (!is_hdf5(storage, path)) {
    if (is_pickle_name(path)) refuse_pickle(path);
    refuse_unknown(path);
  }
  Hdf5Model read = read_hdf5_model(storage, path);
  check_parameters(read.model, read.parameters, path);
  return {std::move(read.model), std::move(read.parameters), "ergon"};
}

ForeignModel open_checkpoint(Storage& storage, const std::string& path, std::vector<std::string>& messages) {
  const CheckpointReader checkpoint(storage, checkpoint_folder(storage, path, messages));
  ForeignModel model{checkpoint.model(), checkpoint.tensors("parameters/"), "ergon"};
  check_parameters(model.model, model.parameters, checkpoint.folder());
  return model;
}

ForeignModel open_huggingface(Storage& storage, const std::string& folder) {
  const ModelShape model =
      model_of_huggingface(read_small_text(storage, folder, huggingface_config_file, 1 << 20), folder + "/" + huggingface_config_file);
  const std::vector<std::string> names = storage.list(folder);
  const bool has_safetensors = storage.has_inside(folder, safetensors_name) || storage.has_inside(folder, safetensors_index_name);
  if (!has_safetensors) {
    const auto pickle = std::find_if(names.begin(), names.end(), is_pickle_name);
    if (pickle != names.end()) refuse_pickle(folder + "/" + *pickle);
    refuse_unknown(folder);
  }
  const bool gpt2 = huggingface_layout(model) == HuggingFaceLayout::gpt2;
  return {model, from_huggingface(model, read_safetensors(storage, folder), folder), gpt2 ? "gpt2" : "llama"};
}

// The parameters in one type, and moments of an optimizer that has seen nothing.
LazyTensors tensors_of(const ForeignModel& model, at::ScalarType dtype) {
  LazyTensors tensors;
  for (const LazyTensor& parameter : model.parameters) {
    LazyTensor value = converted(parameter, dtype);
    value.name = "parameters/" + parameter.name;
    tensors.push_back(std::move(value));
    for (const char* moment : {"first_moment/", "second_moment/"})
      tensors.push_back(
          {moment + parameter.name, dtype, parameter.shape, [dtype, shape = parameter.shape] { return at::zeros(shape, dtype); }});
  }
  return tensors;
}

std::string run_file(const ForeignModel& model, const ImportOfModel& options, at::ScalarType dtype) {
  std::string text =
      fmt::format("# Imported from {}. Keys that are not here have their defaults: `ergon train --help`.\n", toml_text(options.source));
  text += fmt::format("[run]\nfolder = {}\n\n{}\n[train]\ndtype = \"{}\"\n", toml_text(options.run_folder), model_section(model.model),
                      stored_dtype_name(dtype));
  if (options.data.empty()) return text;
  std::vector<std::string> stores;
  for (const std::string& store : options.data) stores.push_back(toml_text(store));
  return text + fmt::format("\n[data]\ntrain = [{}]\n", fmt::join(stores, ", "));
}

RunState imported_state(const ForeignModel& model, const ImportOfModel& options) {
  RunState state;
  state.config = model_section(model.model);
  state.records[imported_record] =
      Json{{"from", options.source}, {"format", model.format}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return state;
}

}  // namespace

ForeignModel open_model(Storage& storage, const std::string& path, std::vector<std::string>& messages) {
  if (!storage.exists(path)) throw Error("there is no such file or folder", path, "", ExitCode::data);
  if (!is_folder(storage, path)) return open_file(storage, path);
  if (storage.has_inside(path, huggingface_config_file)) return open_huggingface(storage, path);
  if (is_checkpoint(storage, path) || storage.exists(checkpoints_folder(path))) return open_checkpoint(storage, path, messages);
  refuse_unknown(path);
}

ImportedRun import_model(Storage& storage, const ForeignModel& model, const ImportOfModel& options) {
  ImportedRun result;
  const bool doubles =
      std::any_of(model.parameters.begin(), model.parameters.end(), [](const LazyTensor& t) { return t.dtype == at::kDouble; });
  result.dtype = options.dtype.value_or(doubles ? at::kDouble : at::kFloat);
  for (const LazyTensor& parameter : model.parameters) result.parameters += num_elements(parameter.shape);
  const std::string name = checkpoint_name(0, 0);
  write_new_folder(storage, options.run_folder, [&](const std::string& folder) {
    storage.write_text(RunFolder(storage, folder).config(), run_file(model, options, result.dtype));
    const std::string run_uuid = run_identity(storage, folder);
    const std::string provenance = Json{{"schema", "ergon.checkpoint_provenance.v1"}, {"imported_from", options.source}}.dump(
        -1, ' ', false, Json::error_handler_t::replace);
    storage.make_directory(checkpoints_folder(folder));
    CanonicalContents contents;
    contents.id = {make_uuid(), 0, 0};
    contents.run_uuid = run_uuid;
    contents.state = to_text(imported_state(model, options));
    contents.provenance = provenance;
    contents.tensors = tensors_of(model, result.dtype);
    write_canonical(storage, checkpoints_folder(folder) + "/" + name, contents);
  });
  result.checkpoint = checkpoints_folder(options.run_folder) + "/" + name;
  return result;
}

void check_imported_model(const RunState& state, const ModelShape& model, const std::string& where) {
  RunConfig imported = parse_run_text(state.config, where, {}, Purpose::describe), now = imported;
  now.model = model;
  std::string what;
  for (const Change& change : changes(imported, now))
    if (change.on_resume == OnResume::fixed)
      what += fmt::format("{}{} is {}, but the imported model has {}", what.empty() ? "" : "; ", change.key, change.after, change.before);
  if (!what.empty()) throw Error(what, where, "config.toml in the run folder has the [model] section that fits", ExitCode::data);
}

}  // namespace ergon
