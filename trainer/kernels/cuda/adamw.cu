// SPDX-License-Identifier: Apache-2.0
// AdamW on flat ranges: trainer/optimizer/adamw.hpp.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Update {
  using A = Accumulator<C>;
  A* master;
  C* compute;
  const A* gradient;
  A *m, *v;
  A keep, beta1, beta2, rest1, rest2, gradient_scale, step_size, second_scale, epsilon;

  __device__ void operator()(std::int64_t i) const {
    const A g = gradient[i] * gradient_scale, first = beta1 * m[i] + rest1 * g, second = beta2 * v[i] + rest2 * g * g;
    const A p = master[i] * keep - step_size * first / (std::sqrt(second) * second_scale + epsilon);
    m[i] = first;
    v[i] = second;
    master[i] = p;
    if (compute) compute[i] = round_to<C>(p);
  }
};

int adamw(void* master, void* compute, const void* gradient, void* m, void* v, const ErgonAdamW* s, std::int64_t elements, ErgonDtype dtype,
          void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    return for_each(elements, stream,
                    Update<C>{static_cast<A*>(master), static_cast<C*>(compute), static_cast<const A*>(gradient), static_cast<A*>(m),
                              static_cast<A*>(v), static_cast<A>(s->keep), static_cast<A>(s->beta1), static_cast<A>(s->beta2),
                              static_cast<A>(s->rest1), static_cast<A>(s->rest2), static_cast<A>(s->gradient_scale),
                              static_cast<A>(s->step_size), static_cast<A>(s->second_scale), static_cast<A>(s->epsilon)});
  });
}

}  // namespace

void add_adamw(ErgonKernelTable& table) { table.adamw = adamw; }

}  // namespace ergon::cuda
