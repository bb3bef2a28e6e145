// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>

#include "tests/support/skip.hpp"
#include "tests/trainer/kernels/gemm_products.hpp"

using namespace ergon;

TEST_CASE("LibTorch's oneDNN multiplies every transpose and leaves what lies beside the result") {
  if (onednn_gemm_library() == nullptr) return test::skip("LibTorch's oneDNN refuses this processor");
  CHECK(onednn_gemm_library()->name() == "onednn");
  test::check_products(*onednn_gemm_library());
}

TEST_CASE("oneDNN's bfloat16 products into bfloat16 are fp32 sums rounded once, beside them nothing is written") {
  if (onednn_gemm_library() == nullptr) return test::skip("LibTorch's oneDNN refuses this processor");
  const GemmLibrary& library = *onednn_gemm_library();
  if (!library.native_bfloat16()) return;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [m, n, k] : {std::array<int, 3>{5, 7, 3}, {1, 9, 4}, {64, 48, 512}}) {
        CAPTURE(m, n, k, ta, tb);
        const at::Tensor a = test::normals({m, k}, 1, at::kBFloat16), b = test::normals({k, n}, 2, at::kBFloat16);
        const at::Tensor left = ta ? a.t().contiguous() : a, right = tb ? b.t().contiguous() : b;
        const at::Tensor c = at::full({m, n + 3}, 7.0, at::kBFloat16);
        CHECK(library.multiply_rounded({ta, tb, m, n, k, ta ? m : k, tb ? k : n, n + 3}, left.data_ptr<c10::BFloat16>(),
                                       right.data_ptr<c10::BFloat16>(), c.data_ptr<c10::BFloat16>()));
        const at::Tensor exact = at::matmul(a.to(at::kDouble), b.to(at::kDouble)), got = c.narrow(1, 0, n).to(at::kDouble);
        CHECK(test::max_abs((got - exact) / (exact.abs() + 1e-2 * std::sqrt(static_cast<double>(k))), at::zeros_like(exact)) <= 0.00391);
        CHECK(at::equal(c.narrow(1, n, 3), at::full({m, 3}, 7.0, at::kBFloat16)));
      }
  // 256 ones and 2^-8 each: a bfloat16 sum would stand still at 256.
  const at::Tensor a = at::full({1, 512}, 1.0, at::kBFloat16), b = at::full({512, 1}, 0.03125, at::kBFloat16);
  b.narrow(0, 0, 256).fill_(1.0);
  c10::BFloat16 c = 0;
  CHECK(library.multiply_rounded({false, false, 1, 1, 512, 512, 1, 1}, a.data_ptr<c10::BFloat16>(), b.data_ptr<c10::BFloat16>(), &c));
  CHECK(c == c10::BFloat16(264.0f));
  CHECK_FALSE(torch_gemm_library().multiply_rounded({false, false, 1, 1, 1, 1, 1, 1}, &c, &c, &c));
}
