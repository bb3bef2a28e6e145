// SPDX-License-Identifier: Apache-2.0
// The door of libergon_cuda.so. Linked to no target of Ergon: whatever crosses is declared in plugin.h.
#include "parallel/cuda/plugin.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "parallel/cuda/plugin_tables.h"

// Defined by trainer/kernels/cuda; a plugin without kernels is a valid one.
extern "C" __attribute__((weak)) const ErgonKernelTable* ergon_cuda_kernels();

extern "C" __attribute__((visibility("default"))) const ErgonCudaPlugin* ergon_cuda_plugin_v1() noexcept {
  static const ErgonCudaPlugin plugin = {
      ERGON_CUDA_PLUGIN_VERSION, ERGON_CUDA_TABLE_BYTES,   CUDART_VERSION,
      NCCL_VERSION_CODE,         ERGON_CUDA_ARCHITECTURES, ergon_plugin_nccl(),
      ergon_plugin_device(),     ergon_plugin_nvml(),      ergon_cuda_kernels ? ergon_cuda_kernels() : nullptr};
  return &plugin;
}
