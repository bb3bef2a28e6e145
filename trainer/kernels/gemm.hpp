// SPDX-License-Identifier: Apache-2.0
// The one door through which every matrix product of the trainer goes (attention cores excepted), so that what is counted is what is executed.
// No other file calls mm, addmm, bmm, cblas or mkldnn: a test reads the sources.
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/flop_audit.hpp"

namespace ergon {

enum class Transpose { no, yes };
enum class Write { overwrite, accumulate };

class Gemm {
 public:
  explicit Gemm(FlopAudit& audit) : audit_(audit) {}

  // c[m, n] = op(a)[m, k] op(b)[k, n], added to c under Write::accumulate. All 2-dim, same dtype, last dim contiguous; rows may be strided.
  // Throws Bug when the sizes do not fit.
  void operator()(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b, Write write = Write::overwrite) const;

  FlopAudit& audit() const { return audit_; }

 private:
  FlopAudit& audit_;
};

}  // namespace ergon
