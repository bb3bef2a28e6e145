// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/export.hpp"

#include "trainer/checkpoint/formats/hdf5_model.hpp"
#include "trainer/checkpoint/formats/huggingface_config.hpp"
#include "trainer/checkpoint/formats/huggingface_tensors.hpp"
#include "trainer/checkpoint/formats/pytorch_file.hpp"
#include "trainer/checkpoint/formats/safetensors_files.hpp"
#include "trainer/checkpoint/new_folder.hpp"

namespace ergon {

namespace {

ExportResult export_hugging_face(Storage& storage, const ModelShape& model, const LazyTensors& parameters, const std::string& output,
                                 const ExportOptions& options) {
  ExportResult result;
  result.layout = huggingface_layout(model) == HuggingFaceLayout::gpt2 ? "gpt2" : "llama";
  const LazyTensors tensors = to_huggingface(model, parameters);
  const std::string config = huggingface_config(model, tensors.front().dtype);
  result.tensors = static_cast<std::int64_t>(tensors.size());
  write_new_folder(storage, output, [&](const std::string& folder) {
    result.bytes = options.format == ExportFormat::pt ? write_pytorch(storage, folder + "/" + pytorch_name, tensors)
                                                      : write_safetensors(storage, folder, tensors, options.shard);
    write_checked(storage, folder, huggingface_config_file, config);
  });
  result.bytes += Bytes{static_cast<std::int64_t>(config.size())};
  return result;
}

}  // namespace

ExportResult export_model(Storage& storage, const CheckpointReader& checkpoint, const std::string& output, const ExportOptions& options) {
  const ModelShape model = checkpoint.model();
  LazyTensors parameters = checkpoint.tensors("parameters/");
  check_parameters(model, parameters, checkpoint.folder());
  for (LazyTensor& parameter : parameters) parameter = converted(std::move(parameter), options.dtype.value_or(parameter.dtype));
  if (options.format != ExportFormat::hdf5) return export_hugging_face(storage, model, parameters, output, options);
  const Bytes bytes = write_hdf5_model(storage, output, model, parameters);
  return {"ergon", static_cast<std::int64_t>(parameters.size()), bytes};
}

}  // namespace ergon
