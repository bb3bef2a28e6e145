// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm.hpp"

#include <ATen/ops/matmul.h>

#include <vector>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {
at::Tensor operand(std::int64_t rows, std::int64_t columns, Transpose transpose, std::uint64_t tag, at::ScalarType dtype) {
  return transpose == Transpose::yes ? normals({columns, rows}, tag, dtype) : normals({rows, columns}, tag, dtype);
}
at::Tensor op(const at::Tensor& x, Transpose transpose) { return (transpose == Transpose::yes ? x.t() : x).to(at::kDouble); }
}  // namespace

TEST_CASE("products of every transpose, overwritten and accumulated, are right and counted") {
  FlopAudit audit;
  const Gemm gemm(audit);
  std::int64_t flops = 0;
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const Transpose ta : {Transpose::no, Transpose::yes})
      for (const Transpose tb : {Transpose::no, Transpose::yes})
        for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{5, 7, 3}, {1, 9, 4}, {8, 1, 1}, {33, 65, 129}}) {
          const at::Tensor a = operand(m, k, ta, 1, dtype), b = operand(k, n, tb, 2, dtype), c = garbage({m, n}, dtype);
          const at::Tensor expected = at::matmul(op(a, ta), op(b, tb));
          gemm(c, a, ta, b, tb);
          CHECK(max_abs(c, expected) <= 5 * tolerance(dtype));
          gemm(c, a, ta, b, tb, Write::accumulate);
          CHECK(max_abs(c, 2 * expected) <= 10 * tolerance(dtype));
          flops += 2 * 2 * m * n * k;
        }
  CHECK(audit.gemm(Phase::forward) == Flops{static_cast<unsigned __int128>(flops)});
}

TEST_CASE("operands and results may be slices of wider rows, and nothing beside them is written") {
  FlopAudit audit;
  const at::Tensor a = normals({6, 10}, 1), b = normals({4, 20}, 2), c = at::full({6, 12}, 5.0, at::kDouble);
  const Gemm gemm(audit);
  gemm(c.narrow(1, 3, 8), a.narrow(1, 2, 4), Transpose::no, b.narrow(1, 7, 8), Transpose::no);
  CHECK(max_abs(c.narrow(1, 3, 8), at::matmul(a.narrow(1, 2, 4), b.narrow(1, 7, 8))) <= 1e-12);
  CHECK(max_abs(c.narrow(1, 0, 3), at::full({6, 3}, 5.0, at::kDouble)) == 0.0);
  CHECK(max_abs(c.narrow(1, 11, 1), at::full({6, 1}, 5.0, at::kDouble)) == 0.0);
}

TEST_CASE("empty products") {
  FlopAudit audit;
  const Gemm gemm(audit);
  const at::Tensor c = garbage({3, 4});
  gemm(c, at::empty({3, 0}, at::kDouble), Transpose::no, at::empty({0, 4}, at::kDouble), Transpose::no);
  CHECK(max_abs(c, at::full({3, 4}, 0.0, at::kDouble)) == 0.0);
  gemm(at::empty({0, 4}, at::kDouble), at::empty({0, 2}, at::kDouble), Transpose::no, at::empty({2, 4}, at::kDouble), Transpose::no);
  CHECK(audit.gemm(Phase::forward) == Flops{0});
}

TEST_CASE("what does not fit is a bug") {
  FlopAudit audit;
  const Gemm gemm(audit);
  const at::Tensor a = normals({3, 4}, 1), b = normals({4, 5}, 2), c = garbage({3, 5});
  CHECK_THROWS_AS(gemm(c, a, Transpose::yes, b, Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c, a, Transpose::no, b.to(at::kFloat), Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c, a, Transpose::no, normals({5, 4}, 1).t(), Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c.view({15}), a, Transpose::no, b, Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c, a.to(at::kBFloat16), Transpose::no, b.to(at::kBFloat16), Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c.to(at::kBFloat16), a.to(at::kFloat), Transpose::no, b.to(at::kFloat), Transpose::no), Bug);
  CHECK_THROWS_AS(gemm(c.to(at::kLong), a.to(at::kLong), Transpose::no, b.to(at::kLong), Transpose::no), Bug);
}

namespace {

// A library without bfloat16 arithmetic.
class NoBfloat16 final : public GemmLibrary {
 public:
  std::string name() const override { return "none"; }
  void multiply(const GemmCall& g, const float* a, const float* b, float beta, float* c) const override {
    torch_gemm_library().multiply(g, a, b, beta, c);
  }
  void multiply(const GemmCall&, const double*, const double*, double, double*) const override { FAIL(); }
  bool native_bfloat16() const override { return false; }
  void multiply(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, float, float*) const override { FAIL("called"); }
  bool multiply_rounded(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, c10::BFloat16*) const override {
    FAIL("called");
    return false;
  }
};

}  // namespace

TEST_CASE("bfloat16 products are summed in fp32 and rounded once, with and without native arithmetic") {
  const NoBfloat16 none;
  std::vector<const GemmLibrary*> libraries = {&torch_gemm_library(), &none};
  if (onednn_gemm_library() != nullptr) libraries.push_back(onednn_gemm_library());
  for (const GemmLibrary* library : libraries)
    for (const at::ScalarType to : {at::kFloat, at::kBFloat16})
      for (const Transpose ta : {Transpose::no, Transpose::yes})
        for (const Transpose tb : {Transpose::no, Transpose::yes})
          for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{5, 7, 3}, {1, 9, 4}, {8, 1, 1}, {33, 65, 129}, {3, 4, 0}}) {
            INFO(library->name() << " " << c10::toString(to) << " " << m << " " << n << " " << k << " " << int(ta) << int(tb));
            FlopAudit audit;
            const Gemm gemm(audit, *library);
            // Slices of wider rows; what lies beside the result must stay.
            const at::Tensor a = operand(m, k + 3, Transpose::no, 1, at::kBFloat16).narrow(1, 1, k);
            const at::Tensor b = operand(k, n + 2, Transpose::no, 2, at::kBFloat16).narrow(1, 2, n);
            const at::Tensor left = ta == Transpose::yes ? a.t().contiguous() : a, right = tb == Transpose::yes ? b.t().contiguous() : b;
            const at::Tensor wide = at::full({m, n + 2}, 5.0, to), c = wide.narrow(1, 1, n);
            const at::Tensor expected = at::matmul(a.to(at::kDouble), b.to(at::kDouble));
            // fp32 sums of at most 129 terms; a rounding to bfloat16 errs by at most 2^-8 of the value.
            const auto close = [&](const at::Tensor& exact) {
              const double rounding = to == at::kBFloat16 ? 0.00391 : 0.0;
              return ((c.to(at::kDouble) - exact).abs() <= 4e-5 + rounding * exact.abs()).all().item<bool>();
            };
            gemm(c, left, ta, right, tb);
            CHECK(close(expected));
            const at::Tensor once = c.to(at::kDouble);
            gemm(c, left, ta, right, tb, Write::accumulate);
            CHECK(close(once + expected));
            CHECK(max_abs(wide.narrow(1, 0, 1), at::full({m, 1}, 5.0)) == 0.0);
            CHECK(max_abs(wide.narrow(1, n + 1, 1), at::full({m, 1}, 5.0)) == 0.0);
            CHECK(audit.gemm(Phase::forward) == Flops{static_cast<unsigned __int128>(2 * 2 * m * n * k)});
          }
}
