// SPDX-License-Identifier: Apache-2.0
#include "trainer/process.hpp"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <malloc.h>

namespace ergon {

void prepare_process(std::int64_t threads) {
  at::set_num_threads(static_cast<int>(threads));
  c10::GradMode::set_enabled(false);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace ergon
