// SPDX-License-Identifier: Apache-2.0
// Times a GEMM library in a fresh process of this program (`ergon gemm-probe`), within the probe's limit and 2 s for the start.
#pragma once

#include "trainer/gemm_choice.hpp"

namespace ergon {

GemmTimer child_gemm_timer();

}  // namespace ergon
