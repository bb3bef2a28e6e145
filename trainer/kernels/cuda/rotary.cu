// SPDX-License-Identifier: Apache-2.0
// Rotary positions, half-split, in place: trainer/kernels/rotary.hpp. One thread a pair of features.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

template <class C, class Table>
struct Turn {
  C* x;
  std::int64_t stride_b, stride_t, stride_h, length, heads, half, limit;
  const std::int64_t* positions;
  const Table *cos, *sin;
  int direction;

  __device__ void operator()(std::int64_t i) const {
    using A = Accumulator<C>;
    const std::int64_t feature = i % half, head = i / half % heads, row = i / half / heads;
    const std::int64_t position = positions[row];
    C* low = x + row / length * stride_b + row % length * stride_t + head * stride_h + feature;
    C* high = low + half;
    if (position < 0 || position >= limit) {
      *low = *high = round_to<C>(not_a_number<A>());
      return;
    }
    const A a = widen(*low), b = widen(*high), c = widen(cos[position * half + feature]),
            s = static_cast<A>(direction) * widen(sin[position * half + feature]);
    *low = round_to<C>(a * c - b * s);
    *high = round_to<C>(b * c + a * s);
  }
};

int rotary(void* x, std::int64_t stride_b, std::int64_t stride_t, std::int64_t stride_h, std::int64_t batch, std::int64_t length,
           std::int64_t heads, std::int64_t half, const std::int64_t* positions, const void* cos, const void* sin, std::int64_t limit,
           ErgonDtype table_dtype, int direction, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    const auto turn = [&](auto table) {
      using Table = typename decltype(table)::Type;
      return for_each(batch * length * heads * half, stream,
                      Turn<C, Table>{static_cast<C*>(x), stride_b, stride_t, stride_h, length, heads, half, limit, positions,
                                     static_cast<const Table*>(cos), static_cast<const Table*>(sin), direction});
    };
    if (table_dtype == dtype) return turn(Tag<C>{});
    if (dtype == ERGON_BFLOAT16 && table_dtype == ERGON_FLOAT32) return turn(Tag<Accumulator<C>>{});
    return static_cast<int>(bad_dtype);
  });
}

}  // namespace

void add_rotary(ErgonKernelTable& table) { table.rotary = rotary; }

}  // namespace ergon::cuda
