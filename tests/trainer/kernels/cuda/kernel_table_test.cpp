// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/cuda/kernel_table.h"

#include <cstring>

#include "tests/support/catch.hpp"

TEST_CASE("the table has its version and every entry") {
  const ErgonKernelTable* table = ergon_cuda_kernels();
  CHECK(table->version == ERGON_KERNEL_TABLE_VERSION);
  CHECK(table == ergon_cuda_kernels());
  const auto* bytes = reinterpret_cast<const char*>(table);
  for (std::size_t at = sizeof table->version; at < sizeof *table; at += sizeof(void*)) {
    void* entry = nullptr;
    std::memcpy(&entry, bytes + at, sizeof entry);
    CAPTURE(at);
    CHECK(entry != nullptr);
  }
}

TEST_CASE("the table puts the codes of the runtime, of cuBLAS and its own into words") {
  const ErgonKernelTable* table = ergon_cuda_kernels();
  const auto text = [&](int code) { return std::string(table->error_text(code)); };
  CHECK(text(2) == "out of memory");
  CHECK(text(100001) == "the cuBLAS library was not initialized");
  CHECK(text(200000) == "this kernel does not take that type of number");
  CHECK(text(200001) == "a size is outside what this kernel takes");
  CHECK(text(200002) == "this device has too little shared memory for attention of this head width and type");
  CHECK(text(200003) == "attention kernels take head widths up to 256");
}
