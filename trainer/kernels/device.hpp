// SPDX-License-Identifier: Apache-2.0
// Kernels of a device that is not the host: which tensors they serve, and the table of functions behind them.
//
// A function of trainer/kernels begins with
//
//   if (const DeviceKernels* device = device_kernels(x)) return device->gelu_forward(y, x, bias);
//
// device_kernels(x) is null unless somebody registered kernels for the type of x's device: then the host's code runs. Methods have the
// meaning, the argument order and the dtype rules of the host functions of their names; they check sizes and types, and a failing kernel
// becomes Error (ExitCode::world) with the table's own words. All work is queued on one stream; methods that return a number wait for it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "trainer/kernels/cuda/kernel_table.h"
#include "trainer/kernels/dropout.hpp"
#include "trainer/kernels/gemm.hpp"
#include "trainer/kernels/philox.hpp"

namespace ergon {

class DeviceKernels {
 public:
  // table lives longer; stream is what its entries take. Throws Error when the table is of another version or the device gives no BLAS.
  DeviceKernels(const ErgonKernelTable& table, void* stream);
  ~DeviceKernels();
  DeviceKernels(const DeviceKernels&) = delete;
  DeviceKernels& operator=(const DeviceKernels&) = delete;

  const ErgonKernelTable& table() const { return table_; }
  void* stream() const { return stream_; }
  // Throws Error for a code that is not 0.
  void check(const char* kernel, int code) const;

  // c = op(a) op(b) (+ c): sizes as the GEMM door has checked them.
  void gemm(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b,
            Write write) const;

  // mean undefined: RMSNorm.
  void norm_forward(const at::Tensor& y_RD, const at::Tensor& mean_R, const at::Tensor& rstd_R, const at::Tensor& x_RD,
                    const at::Tensor& weight_D, const at::Tensor& bias_D, double epsilon) const;
  void norm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& mean_R,
                           const at::Tensor& rstd_R, const at::Tensor& weight_D, Write write) const;
  void norm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dbias_D, const at::Tensor& dy_RD, const at::Tensor& x_RD,
                            const at::Tensor& mean_R, const at::Tensor& rstd_R, Write write) const;

  void gelu_forward(const at::Tensor& y_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) const;
  void gelu_backward(const at::Tensor& dx_RF, const at::Tensor& dy_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) const;
  void swiglu_forward(const at::Tensor& y_RF, const at::Tensor& packed, const at::Tensor& bias) const;
  void swiglu_backward(const at::Tensor& dpacked, const at::Tensor& dy_RF, const at::Tensor& packed, const at::Tensor& bias) const;
  void column_sum(const at::Tensor& dbias_N, const at::Tensor& dy_RN, Write write) const;

  // direction: 1 or -1. A position outside the table gives not-a-number.
  void rotary(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, const at::Tensor& cos_TC, const at::Tensor& sin_TC,
              int direction) const;

  void embedding_forward(const at::Tensor& y_ND, const at::Tensor& tokens_N, const at::Tensor& table_VD, std::int64_t first,
                         std::int64_t real) const;
  void embedding_backward(const at::Tensor& dtable_VD, const at::Tensor& dy_ND, const at::Tensor& tokens_N, std::int64_t first,
                          std::int64_t real, Write write) const;
  // A position outside the table gives not-a-number.
  void positions_add(const at::Tensor& y_ND, const at::Tensor& positions_N, const at::Tensor& table_TD) const;

  void logits_max(const at::Tensor& max_R, const at::Tensor& logits_RV, std::int64_t real) const;
  void logits_sum(const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& logits_RV, const at::Tensor& max_R,
                  const at::Tensor& labels_R, std::int64_t first, std::int64_t real) const;
  double cross_entropy_loss(const at::Tensor& max_R, const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& labels_R) const;
  void cross_entropy_backward(const at::Tensor& dlogits_RV, const at::Tensor& logits_RV, const at::Tensor& max_R, const at::Tensor& sum_R,
                              const at::Tensor& labels_R, std::int64_t first, std::int64_t real, double scale) const;

  // residual and bias may be undefined; positions too where nothing is dropped.
  void dropout(const at::Tensor& y_BTD, const at::Tensor& residual_BTD, const at::Tensor& x_BTD, const at::Tensor& bias_D,
               const at::Tensor& positions_BT, const Dropout& dropout) const;

  struct NormalBox {
    std::int64_t rows = 0, columns = 0, first_row = 0, first_column = 0, global_columns = 0;
  };
  void fill_normal(const at::Tensor& local, PhiloxKey key, std::uint64_t name_hash, const NormalBox& box, double std) const;

  void add(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b) const;
  void add_bias(const at::Tensor& x_RN, const at::Tensor& bias_N) const;
  void scale(const at::Tensor& x, double factor) const;
  void zero(const at::Tensor& x) const;
  void copy(const at::Tensor& y, const at::Tensor& x) const;  // both on the device
  double squared_sum(const at::Tensor& x) const;
  bool all_finite(const at::Tensor& x) const;

  // compute may be undefined: the master rounded to the compute type otherwise.
  void adamw(const at::Tensor& master, const at::Tensor& compute, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v,
             const ErgonAdamW& settings) const;
  void attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ) const;

 private:
  const ErgonKernelTable& table_;
  void* stream_;
  void* blas_ = nullptr;
};

// The kernels that serve this tensor's device; null: the host's own code.
const DeviceKernels* device_kernels(const at::Tensor& x);
const DeviceKernels* device_kernels(at::DeviceType type);

// Kernels serve a type of device for a scope, for every thread of the process. A second registration of one type throws Bug.
class DeviceRegistration {
 public:
  DeviceRegistration(at::DeviceType type, const DeviceKernels& kernels);
  ~DeviceRegistration();
  DeviceRegistration(const DeviceRegistration&) = delete;
  DeviceRegistration& operator=(const DeviceRegistration&) = delete;

 private:
  at::DeviceType type_;
};

// How a dtype is called in the table: float32, float64, bfloat16 or int64, otherwise Bug.
ErgonDtype device_dtype(const at::Tensor& x);
// What the table knows of a dropout site; p = 0 drops nothing.
ErgonDropout device_dropout(double p, std::int64_t seed, Stream stream, std::int64_t step, std::int64_t layer, DropoutSite site);

}  // namespace ergon
