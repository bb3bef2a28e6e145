// SPDX-License-Identifier: Apache-2.0
// The one door through which every matrix product of the trainer goes (attention cores excepted), so that what is counted is what is
// executed. No other file calls mm, addmm, bmm, cblas or mkldnn: a test reads the sources.
//
// All three operands are of one type (float, double, bfloat16), or a and b are bfloat16 and c is float. Products of bfloat16 are summed in
// fp32 and rounded once; where the library or the processor has no bfloat16 they are computed in fp32 from the same values.
//
// One thread at a time: a Gemm owns the fp32 copies that bfloat16 results (and, without native arithmetic, operands) pass through.
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/flop_audit.hpp"
#include "trainer/kernels/gemm_library.hpp"

namespace ergon {

enum class Transpose { no, yes };
enum class Write { overwrite, accumulate };

class Gemm {
 public:
  explicit Gemm(FlopAudit& audit, const GemmLibrary& library = torch_gemm_library()) : audit_(audit), library_(&library) {}

  // c[m, n] = op(a)[m, k] op(b)[k, n], added to c under Write::accumulate. All 2-dim, last dim contiguous; rows may be strided.
  // Throws Bug when the sizes or types do not fit.
  void operator()(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b,
                  Write write = Write::overwrite) const;

  FlopAudit& audit() const { return audit_; }
  const GemmLibrary& library() const { return *library_; }
  bool native_bfloat16() const { return library_->native_bfloat16(); }

 private:
  struct Operand;
  enum Copy { left, right, result, num_copies };
  float* copy(Copy which, std::int64_t elements) const;
  void multiply_bfloat16(const Operand& c, const Operand& a, const Operand& b, float beta) const;
  static GemmCall call_of(const Operand& a, const Operand& b, int c_stride);
  void multiply_into(float* c, int c_stride, const Operand& a, const Operand& b, float beta) const;

  FlopAudit& audit_;
  const GemmLibrary* library_;
  mutable std::array<at::Tensor, num_copies> copies_;  // float, grown in the first steps
};

}  // namespace ergon
