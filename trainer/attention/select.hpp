// SPDX-License-Identifier: Apache-2.0
// Which attention kernel a run uses: by name, or the fastest that can do the job. Decided once at start, the same on every rank; the caller
// logs `reason`.
#pragma once

#include <memory>
#include <string>

#include "configs/model_shape.hpp"
#include "parallel/local_attention.hpp"

namespace ergon {

struct AttentionChoice {
  std::unique_ptr<LocalAttention> kernel;
  std::string reason;  // one line: which kernel and why
};

struct AttentionJob {
  std::int64_t sequence = 0;    // T of the whole sequence
  std::int64_t head_width = 0;  // Q
  double dropout = 0.0;
  std::int64_t window = 0;
  bool documents = false;            // masks keep documents apart
  bool bfloat16 = false;             // the run computes in it
  at::DeviceType device = at::kCPU;  // where the tensors are
  bool whole_blocks = true;          // false: context parallelism hands over parts of the sequence
};
AttentionJob attention_job(const ModelShape& shape, at::ScalarType compute = at::kFloat, at::DeviceType device = at::kCPU);

// name: "auto", "plain", "tiled", "aten" or "device" (the kernels registered for job.device: trainer/kernels/device.hpp; what "auto" is for
// tensors that are not on the CPU). Throws Error when the name is unknown or that kernel cannot do the job.
AttentionChoice select_attention(const AttentionJob& job, const std::string& name = "auto");

// The name under which a run goes on: `recorded`, the kernel that it has used, or "auto" where its tensors were elsewhere.
std::string continued_attention(const AttentionJob& job, const std::string& recorded);

}  // namespace ergon
