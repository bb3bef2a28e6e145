// SPDX-License-Identifier: Apache-2.0
// What a device reaches in square matrix products: the peak that a run could come near to, and the rank that is slower than the others.
#pragma once

#include <ATen/core/Tensor.h>

#include "configs/quantities.hpp"
#include "parallel/cuda/plugin.h"

namespace ergon {

// The best round of products of `size` x `size` within `limit`, each round waited for. A device's kernels must be registered.
FlopsPerSecond gemm_rate(at::Device device, at::ScalarType dtype, std::int64_t size, Seconds limit);

// The same through a plugin's kernels, in bfloat16; 0: it has none. Throws Error (ExitCode::world) for a kernel that fails.
FlopsPerSecond plugin_gemm_rate(const ErgonCudaPlugin& plugin, at::Device device, std::int64_t size, Seconds limit);

}  // namespace ergon
