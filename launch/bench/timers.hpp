// SPDX-License-Identifier: Apache-2.0
// Clocks around what a step is made of, put where the trainer has an interface: a GEMM library and an attention kernel that do what the
// given ones do and add up the seconds. Two clock reads a call.
#pragma once

#include <memory>

#include "configs/quantities.hpp"
#include "parallel/local_attention.hpp"
#include "trainer/kernels/gemm_library.hpp"

namespace ergon {

// Both references outlive the result.
std::unique_ptr<GemmLibrary> timed(const GemmLibrary& library, Seconds& sum);
std::unique_ptr<LocalAttention> timed(std::unique_ptr<LocalAttention> kernel, Seconds& sum);

}  // namespace ergon
