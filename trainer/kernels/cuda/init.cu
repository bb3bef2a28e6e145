// SPDX-License-Identifier: Apache-2.0
// Initial weights by global element: trainer/kernels/init.hpp.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/philox.cuh"

namespace ergon::cuda {
namespace {

// Drawn in fp64, rounded once, as the host does it.
__device__ void store(float& x, double value) { x = static_cast<float>(value); }
__device__ void store(double& x, double value) { x = value; }
__device__ void store(bfloat16& x, double value) { x = __double2bfloat16(value); }

template <class C>
struct Normal {
  C* x;
  std::uint32_t key0, key1;
  std::uint64_t name_hash;
  std::int64_t columns, first_row, first_column, global_columns;
  double std;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t element = (first_row + i / columns) * global_columns + first_column + i % columns;
    store(x[i], std * normal(key0, key1, name_hash, static_cast<std::uint64_t>(element)));
  }
};

int fill_normal(void* x, std::uint32_t key0, std::uint32_t key1, std::uint64_t name_hash, std::int64_t rows, std::int64_t columns,
                std::int64_t first_row, std::int64_t first_column, std::int64_t global_columns, double std, ErgonDtype dtype,
                void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(rows * columns, stream,
                    Normal<C>{static_cast<C*>(x), key0, key1, name_hash, columns, first_row, first_column, global_columns, std});
  });
}

}  // namespace

void add_init(ErgonKernelTable& table) { table.fill_normal = fill_normal; }

}  // namespace ergon::cuda
