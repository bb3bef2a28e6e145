// SPDX-License-Identifier: Apache-2.0
// Each file of kernels puts its entries into the table; kernel_table.cu calls them all.
#pragma once

#include "trainer/kernels/cuda/kernel_table.h"

namespace ergon::cuda {

void add_activation(ErgonKernelTable& table);
void add_adamw(ErgonKernelTable& table);
void add_attention_backward(ErgonKernelTable& table);
void add_attention_forward(ErgonKernelTable& table);
void add_cross_entropy(ErgonKernelTable& table);
void add_dropout(ErgonKernelTable& table);
void add_embedding(ErgonKernelTable& table);
void add_gemm(ErgonKernelTable& table);
void add_init(ErgonKernelTable& table);
void add_memory(ErgonKernelTable& table);
void add_norm(ErgonKernelTable& table);
void add_pointwise(ErgonKernelTable& table);
void add_rotary(ErgonKernelTable& table);

}  // namespace ergon::cuda
