// SPDX-License-Identifier: Apache-2.0
// Products of a GEMM library against plain loops in fp64.
#pragma once

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/kernels/gemm_library.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

template <class T>
void check_product(const GemmLibrary& library, GemmCall g) {
  // Rows are wider than what is used of them.
  g.a_stride = (g.a_transposed ? g.m : g.k) + 3;
  g.b_stride = (g.b_transposed ? g.k : g.n) + 1;
  g.c_stride = g.n + 2;
  const at::Tensor a = normals({std::max(g.m, g.k), g.a_stride}, 1, c10::CppTypeToScalarType<T>::value),
                   b = normals({std::max(g.k, g.n), g.b_stride}, 2, c10::CppTypeToScalarType<T>::value),
                   c = normals({g.m, g.c_stride}, 3, c10::CppTypeToScalarType<T>::value);
  for (const T beta : {T(0), T(1)}) {
    const at::Tensor before = c.to(at::kDouble).clone();
    library.multiply(g, a.data_ptr<T>(), b.data_ptr<T>(), beta, c.data_ptr<T>());
    const at::Tensor after = c.to(at::kDouble).clone();
    double worst = 0, beside = 0;
    for (int i = 0; i < g.m; ++i)
      for (int j = 0; j < g.c_stride; ++j) {
        double sum = j < g.n ? beta * before[i][j].item<double>() : before[i][j].item<double>();
        if (j < g.n)
          for (int l = 0; l < g.k; ++l)
            sum += static_cast<double>(a.data_ptr<T>()[g.a_transposed ? l * g.a_stride + i : i * g.a_stride + l]) *
                   static_cast<double>(b.data_ptr<T>()[g.b_transposed ? j * g.b_stride + l : l * g.b_stride + j]);
        const double off = std::abs(after[i][j].item<double>() - sum);
        (j < g.n ? worst : beside) = std::max(j < g.n ? worst : beside, off);
      }
    CHECK(worst <= tolerance(c10::CppTypeToScalarType<T>::value));
    CHECK(beside == 0.0);
  }
}

inline void check_products(const GemmLibrary& library) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [m, n, k] : {std::array<int, 3>{5, 7, 3}, {1, 9, 4}, {8, 1, 1}, {13, 20, 33}, {3, 4, 0}}) {
        INFO(library.name() << " " << m << " " << n << " " << k << " " << ta << tb);
        check_product<float>(library, {ta, tb, m, n, k, 0, 0, 0});
        check_product<double>(library, {ta, tb, m, n, k, 0, 0, 0});
      }
}

}  // namespace ergon::test
