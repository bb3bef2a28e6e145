// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/select.hpp"

#include "configs/error.hpp"
#include "trainer/attention/aten.hpp"
#include "trainer/attention/device_attention.hpp"
#include "trainer/attention/plain.hpp"
#include "trainer/attention/tiled.hpp"

namespace ergon {
namespace {

// Why ATen's kernel cannot do the job; empty when it can.
std::string aten_refusal(const AttentionJob& job) {
  if (job.dropout > 0.0) return "dropout";
  if (job.window > 0 && job.window < job.sequence) return "a window";
  if (job.documents) return "documents";
  if (job.bfloat16) return "bfloat16 with results in float32";
  if (!job.whole_blocks) return "parts of a sequence";
  return "";
}

// Longer tiles of keys win from about 512 positions on (README.md, Measured); shorter ones waste less of the diagonal.
std::unique_ptr<LocalAttention> tiled(const AttentionJob& job) {
  return std::make_unique<TiledAttention>(64, job.sequence >= 512 ? 128 : 64);
}

AttentionChoice by_device(const AttentionJob& job, const char* why) {
  const DeviceKernels* kernels = device_kernels(job.device);
  if (!kernels)
    throw Error(fmt::format("no kernels are loaded for device {}", c10::DeviceTypeName(job.device, true)), "attention kernel",
                "build libergon_cuda.so and set run.device = \"cuda\", or use run.device = \"cpu\"");
  return {std::make_unique<DeviceAttention>(*kernels), fmt::format("attention kernel device: {}", why)};
}

}  // namespace

AttentionJob attention_job(const ModelShape& shape, at::ScalarType compute, at::DeviceType device) {
  AttentionJob job;
  job.sequence = shape.sequence;
  job.head_width = shape.head_width;
  job.dropout = shape.dropout;
  job.window = shape.window;
  job.bfloat16 = compute == at::kBFloat16;
  job.device = device;
  return job;
}

AttentionChoice select_attention(const AttentionJob& job, const std::string& name) {
  const bool on_host = job.device == at::kCPU;
  if (name == "device") return by_device(job, "asked for");
  if (name == "auto" && (!on_host || device_kernels(job.device) != nullptr)) return by_device(job, "the tensors are there");
  if (!on_host && (name == "plain" || name == "tiled" || name == "aten"))
    throw Error(fmt::format("attention kernel {} works on the CPU, and the tensors are on {}", name, c10::DeviceTypeName(job.device, true)),
                "attention kernel", "use \"device\", or let \"auto\" choose");
  if (name == "plain") return {std::make_unique<PlainAttention>(), "attention kernel plain: asked for"};
  if (name == "tiled") return {tiled(job), "attention kernel tiled: asked for"};
  const std::string refusal = aten_refusal(job);
  if (name == "aten") {
    if (!refusal.empty())
      throw Error(fmt::format("ATen's attention kernel does not do {}", refusal), "attention kernel",
                  "use \"tiled\", or let \"auto\" choose");
    return {std::make_unique<AtenAttention>(), "attention kernel aten: asked for"};
  }
  if (name != "auto")
    throw Error(fmt::format("no attention kernel is called \"{}\"", name), "attention kernel", "choose auto, plain, tiled, aten or device");
  return {tiled(job), "attention kernel tiled: measured faster than ATen's (trainer/attention/README.md)"};
}

std::string continued_attention(const AttentionJob& job, const std::string& recorded) {
  const bool was_on_device = recorded == "device", is_on_device = job.device != at::kCPU;
  return was_on_device == is_on_device ? recorded : "auto";
}

}  // namespace ergon
