// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>

#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/kernel_table.h"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

const char* error_text(int code) {
  if (code == bad_dtype) return "this kernel does not take that type of number";
  if (code == bad_size) return "a size is outside what this kernel takes";
  if (code == too_little_shared_memory) return "this device has too little shared memory for attention of this head width and type";
  if (code == bad_width) return "attention kernels take head widths up to 256";
  if (code >= blas_errors) return cublasGetStatusString(static_cast<cublasStatus_t>(code - blas_errors));
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}

ErgonKernelTable make_table() {
  ErgonKernelTable table{};
  table.version = ERGON_KERNEL_TABLE_VERSION;
  table.error_text = error_text;
  add_activation(table);
  add_adamw(table);
  add_attention_backward(table);
  add_attention_forward(table);
  add_cross_entropy(table);
  add_dropout(table);
  add_embedding(table);
  add_gemm(table);
  add_init(table);
  add_memory(table);
  add_norm(table);
  add_pointwise(table);
  add_rotary(table);
  return table;
}

}  // namespace
}  // namespace ergon::cuda

extern "C" const ErgonKernelTable* ergon_cuda_kernels() {
  static const ErgonKernelTable table = ergon::cuda::make_table();
  return &table;
}
