// SPDX-License-Identifier: Apache-2.0
// Each host function as one call of the table: tensors checked, then pointers and sizes.
#include <algorithm>

#include "configs/error.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon {
namespace {

static_assert(ignored_label == ERGON_IGNORED_LABEL);

// A contiguous tensor of this many elements and this type.
void* pointer(const at::Tensor& x, std::int64_t elements, at::ScalarType dtype) {
  ERGON_CHECK(x.is_contiguous() && x.numel() == elements && x.scalar_type() == dtype,
              "a device kernel wants {} contiguous elements of {}, got {} of {} (strides {})", elements, c10::toString(dtype),
              c10::str(x.sizes()), c10::toString(x.scalar_type()), c10::str(x.strides()));
  return x.data_ptr();
}
void* optional(const at::Tensor& x, std::int64_t elements, at::ScalarType dtype) {
  return x.defined() ? pointer(x, elements, dtype) : nullptr;
}
const std::int64_t* integers(const at::Tensor& x, std::int64_t elements) {
  return static_cast<const std::int64_t*>(pointer(x, elements, at::kLong));
}

ErgonWrite mode(Write write) { return write == Write::accumulate ? ERGON_ACCUMULATE : ERGON_OVERWRITE; }
std::int64_t rows_of(const at::Tensor& x, std::int64_t width) {
  ERGON_CHECK(width > 0 && x.dim() > 0 && x.size(-1) == width, "rows of {} in {}", width, c10::str(x.sizes()));
  return x.numel() / width;
}

struct Logits {
  std::int64_t rows, columns;
  at::ScalarType type;
};
Logits logits_of(const at::Tensor& logits_RV, std::int64_t real) {
  ERGON_CHECK(logits_RV.dim() == 2 && real >= 0 && real <= logits_RV.size(1), "{} real columns in logits of {}", real,
              c10::str(logits_RV.sizes()));
  return {logits_RV.size(0), logits_RV.size(1), logits_RV.scalar_type()};
}

}  // namespace

void DeviceKernels::gemm(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b,
                         Write write) const {
  const auto stride = [](const at::Tensor& x) { return x.size(0) > 1 ? x.stride(0) : std::max<std::int64_t>(1, x.size(1)); };
  const bool turned = transpose_a == Transpose::yes;
  const ErgonGemm call{
      c_MN.size(0), c_MN.size(1), a.size(turned ? 0 : 1),        a.data_ptr(),    b.data_ptr(),       c_MN.data_ptr(), stride(a), stride(b),
      stride(c_MN), turned,       transpose_b == Transpose::yes, device_dtype(a), device_dtype(c_MN), mode(write)};
  ERGON_CHECK(a.scalar_type() == b.scalar_type(), "a product of {} and {}", c10::toString(a.scalar_type()), c10::toString(b.scalar_type()));
  check("gemm", table_.gemm(blas_, &call, stream_));
}

void DeviceKernels::norm_forward(const at::Tensor& y_RD, const at::Tensor& mean_R, const at::Tensor& rstd_R, const at::Tensor& x_RD,
                                 const at::Tensor& weight_D, const at::Tensor& bias_D, double epsilon) const {
  const std::int64_t width = weight_D.numel(), rows = rows_of(x_RD, width), n = x_RD.numel();
  const at::ScalarType c = x_RD.scalar_type(), a = accumulator_type(c);
  check("norm_forward",
        table_.norm_forward(pointer(y_RD, n, c), optional(mean_R, rows, a), pointer(rstd_R, rows, a), pointer(x_RD, n, c),
                            pointer(weight_D, width, c), optional(bias_D, width, c), epsilon, rows, width, device_dtype(x_RD), stream_));
}

void DeviceKernels::norm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& mean_R,
                                        const at::Tensor& rstd_R, const at::Tensor& weight_D, Write write) const {
  const std::int64_t width = weight_D.numel(), rows = rows_of(x_RD, width), n = x_RD.numel();
  const at::ScalarType c = x_RD.scalar_type(), a = accumulator_type(c);
  check("norm_backward_input", table_.norm_backward_input(pointer(dx_RD, n, c), pointer(dy_RD, n, c), pointer(x_RD, n, c),
                                                          optional(mean_R, rows, a), pointer(rstd_R, rows, a), pointer(weight_D, width, c),
                                                          mode(write), rows, width, device_dtype(x_RD), stream_));
}

void DeviceKernels::norm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dbias_D, const at::Tensor& dy_RD,
                                         const at::Tensor& x_RD, const at::Tensor& mean_R, const at::Tensor& rstd_R, Write write) const {
  const std::int64_t width = dweight_D.numel(), rows = rows_of(x_RD, width), n = x_RD.numel();
  const at::ScalarType c = x_RD.scalar_type(), a = accumulator_type(c);
  check("norm_backward_weight", table_.norm_backward_weight(pointer(dweight_D, width, a), optional(dbias_D, width, a), pointer(dy_RD, n, c),
                                                            pointer(x_RD, n, c), optional(mean_R, rows, a), pointer(rstd_R, rows, a),
                                                            mode(write), rows, width, device_dtype(x_RD), stream_));
}

void DeviceKernels::gelu_forward(const at::Tensor& y_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) const {
  const std::int64_t n = x_RF.numel(), width = x_RF.size(-1);
  const at::ScalarType c = x_RF.scalar_type();
  if (n == 0) return;
  check("gelu_forward", table_.gelu_forward(pointer(y_RF, n, c), pointer(x_RF, n, c), optional(bias_F, width, c), n / width, width,
                                            device_dtype(x_RF), stream_));
}

void DeviceKernels::gelu_backward(const at::Tensor& dx_RF, const at::Tensor& dy_RF, const at::Tensor& x_RF,
                                  const at::Tensor& bias_F) const {
  const std::int64_t n = x_RF.numel(), width = x_RF.size(-1);
  const at::ScalarType c = x_RF.scalar_type();
  if (n == 0) return;
  check("gelu_backward", table_.gelu_backward(pointer(dx_RF, n, c), pointer(dy_RF, n, c), pointer(x_RF, n, c), optional(bias_F, width, c),
                                              n / width, width, device_dtype(x_RF), stream_));
}

void DeviceKernels::swiglu_forward(const at::Tensor& y_RF, const at::Tensor& packed, const at::Tensor& bias) const {
  const std::int64_t n = y_RF.numel(), width = y_RF.size(-1);
  const at::ScalarType c = packed.scalar_type();
  if (n == 0) return;
  check("swiglu_forward", table_.swiglu_forward(pointer(y_RF, n, c), pointer(packed, 2 * n, c), optional(bias, 2 * width, c), n / width,
                                                width, device_dtype(packed), stream_));
}

void DeviceKernels::swiglu_backward(const at::Tensor& dpacked, const at::Tensor& dy_RF, const at::Tensor& packed,
                                    const at::Tensor& bias) const {
  const std::int64_t n = dy_RF.numel(), width = dy_RF.size(-1);
  const at::ScalarType c = packed.scalar_type();
  if (n == 0) return;
  check("swiglu_backward", table_.swiglu_backward(pointer(dpacked, 2 * n, c), pointer(dy_RF, n, c), pointer(packed, 2 * n, c),
                                                  optional(bias, 2 * width, c), n / width, width, device_dtype(packed), stream_));
}

void DeviceKernels::column_sum(const at::Tensor& dbias_N, const at::Tensor& dy_RN, Write write) const {
  const std::int64_t columns = dbias_N.numel(), n = dy_RN.numel();
  if (columns == 0) return;
  const at::ScalarType c = dy_RN.scalar_type();
  ERGON_CHECK(n % columns == 0, "column sums of {} into {}", c10::str(dy_RN.sizes()), columns);
  check("column_sum", table_.column_sum(pointer(dbias_N, columns, accumulator_type(c)), pointer(dy_RN, n, c), mode(write), n / columns,
                                        columns, device_dtype(dy_RN), stream_));
}

void DeviceKernels::rotary(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, const at::Tensor& cos_TC, const at::Tensor& sin_TC,
                           int direction) const {
  ERGON_CHECK(x_BTHQ.dim() == 4 && x_BTHQ.stride(3) == 1 && x_BTHQ.size(3) == 2 * cos_TC.size(1), "rotary on {} with a table of {}",
              c10::str(x_BTHQ.sizes()), c10::str(cos_TC.sizes()));
  const at::ScalarType kind = cos_TC.scalar_type();
  check("rotary", table_.rotary(x_BTHQ.data_ptr(), x_BTHQ.stride(0), x_BTHQ.stride(1), x_BTHQ.stride(2), x_BTHQ.size(0), x_BTHQ.size(1),
                                x_BTHQ.size(2), x_BTHQ.size(3) / 2, integers(positions_BT, x_BTHQ.size(0) * x_BTHQ.size(1)),
                                pointer(cos_TC, cos_TC.numel(), kind), pointer(sin_TC, cos_TC.numel(), kind), cos_TC.size(0),
                                device_dtype(cos_TC), direction, device_dtype(x_BTHQ), stream_));
}

void DeviceKernels::embedding_forward(const at::Tensor& y_ND, const at::Tensor& tokens_N, const at::Tensor& table_VD, std::int64_t first,
                                      std::int64_t real) const {
  const std::int64_t width = table_VD.size(1), count = tokens_N.numel();
  const at::ScalarType c = table_VD.scalar_type();
  ERGON_CHECK(real <= table_VD.size(0), "{} real rows in a table of {}", real, table_VD.size(0));
  check("embedding_forward",
        table_.embedding_forward(pointer(y_ND, count * width, c), integers(tokens_N, count), pointer(table_VD, table_VD.numel(), c), count,
                                 width, first, real, device_dtype(table_VD), stream_));
}

void DeviceKernels::embedding_backward(const at::Tensor& dtable_VD, const at::Tensor& dy_ND, const at::Tensor& tokens_N, std::int64_t first,
                                       std::int64_t real, Write write) const {
  const std::int64_t rows = dtable_VD.size(0), width = dtable_VD.size(-1), count = tokens_N.numel();
  const at::ScalarType c = dy_ND.scalar_type();
  ERGON_CHECK(real <= rows, "{} real rows in a table of {}", real, rows);
  check("embedding_backward",
        table_.embedding_backward(pointer(dtable_VD, rows * width, accumulator_type(c)), pointer(dy_ND, count * width, c),
                                  integers(tokens_N, count), count, width, rows, first, real, mode(write), device_dtype(dy_ND), stream_));
}

void DeviceKernels::positions_add(const at::Tensor& y_ND, const at::Tensor& positions_N, const at::Tensor& table_TD) const {
  const std::int64_t width = table_TD.size(1), count = positions_N.numel(), limit = table_TD.size(0);
  const at::ScalarType c = table_TD.scalar_type();
  check("positions_add", table_.positions_add(pointer(y_ND, count * width, c), integers(positions_N, count),
                                              pointer(table_TD, limit * width, c), count, width, limit, device_dtype(table_TD), stream_));
}

void DeviceKernels::logits_max(const at::Tensor& max_R, const at::Tensor& logits_RV, std::int64_t real) const {
  const Logits n = logits_of(logits_RV, real);
  check("logits_max", table_.logits_max(pointer(max_R, n.rows, n.type), pointer(logits_RV, n.rows * n.columns, n.type), n.rows, n.columns,
                                        real, device_dtype(logits_RV), stream_));
}

void DeviceKernels::logits_sum(const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& logits_RV, const at::Tensor& max_R,
                               const at::Tensor& labels_R, std::int64_t first, std::int64_t real) const {
  const Logits n = logits_of(logits_RV, real);
  check("logits_sum", table_.logits_sum(pointer(sum_R, n.rows, n.type), pointer(label_R, n.rows, n.type),
                                        pointer(logits_RV, n.rows * n.columns, n.type), pointer(max_R, n.rows, n.type),
                                        integers(labels_R, n.rows), n.rows, n.columns, first, real, device_dtype(logits_RV), stream_));
}

double DeviceKernels::cross_entropy_loss(const at::Tensor& max_R, const at::Tensor& sum_R, const at::Tensor& label_R,
                                         const at::Tensor& labels_R) const {
  const std::int64_t rows = labels_R.numel();
  const at::ScalarType a = max_R.scalar_type();
  double loss = 0.0;
  check("cross_entropy_loss", table_.cross_entropy_loss(&loss, pointer(max_R, rows, a), pointer(sum_R, rows, a), pointer(label_R, rows, a),
                                                        integers(labels_R, rows), rows, device_dtype(max_R), stream_));
  return loss;
}

void DeviceKernels::cross_entropy_backward(const at::Tensor& dlogits_RV, const at::Tensor& logits_RV, const at::Tensor& max_R,
                                           const at::Tensor& sum_R, const at::Tensor& labels_R, std::int64_t first, std::int64_t real,
                                           double scale) const {
  const Logits n = logits_of(logits_RV, real);
  ERGON_CHECK(accumulator_type(dlogits_RV.scalar_type()) == n.type, "gradients of {} from logits of {}",
              c10::toString(dlogits_RV.scalar_type()), c10::toString(n.type));
  const std::int64_t elements = n.rows * n.columns;
  check("cross_entropy_backward",
        table_.cross_entropy_backward(pointer(dlogits_RV, elements, dlogits_RV.scalar_type()), pointer(logits_RV, elements, n.type),
                                      pointer(max_R, n.rows, n.type), pointer(sum_R, n.rows, n.type), integers(labels_R, n.rows), n.rows,
                                      n.columns, first, real, scale, device_dtype(dlogits_RV), stream_));
}

void DeviceKernels::dropout(const at::Tensor& y_BTD, const at::Tensor& residual_BTD, const at::Tensor& x_BTD, const at::Tensor& bias_D,
                            const at::Tensor& positions_BT, const Dropout& d) const {
  ERGON_CHECK(x_BTD.dim() == 3 && d.site != DropoutSite::attention, "dropout wants [B, T, D], got {}", c10::str(x_BTD.sizes()));
  const std::int64_t batch = x_BTD.size(0), length = x_BTD.size(1), width = x_BTD.size(2), n = x_BTD.numel();
  const at::ScalarType c = x_BTD.scalar_type();
  const Stream stream = d.site == DropoutSite::embedding ? Stream::embedding_dropout : Stream::residual_dropout;
  const ErgonDropout plan = device_dropout(d.p, d.seed, stream, d.step, d.layer, d.site);
  const std::int64_t* positions = d.p > 0.0 ? integers(positions_BT, batch * length) : nullptr;
  check("dropout", table_.dropout(pointer(y_BTD, n, c), optional(residual_BTD, n, c), pointer(x_BTD, n, c), optional(bias_D, width, c),
                                  positions, &plan, d.first_sample, d.sequence, batch, length, width, device_dtype(x_BTD), stream_));
}

void DeviceKernels::fill_normal(const at::Tensor& local, PhiloxKey key, std::uint64_t name_hash, const NormalBox& box, double std) const {
  ERGON_CHECK(local.is_contiguous() && local.numel() >= box.rows * box.columns, "a box of {} x {} in {}", box.rows, box.columns,
              c10::str(local.sizes()));
  check("fill_normal", table_.fill_normal(local.data_ptr(), key[0], key[1], name_hash, box.rows, box.columns, box.first_row,
                                          box.first_column, box.global_columns, std, device_dtype(local), stream_));
}

void DeviceKernels::add(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b) const {
  const std::int64_t n = y.numel();
  const at::ScalarType c = y.scalar_type();
  check("add", table_.add(pointer(y, n, c), pointer(a, n, c), pointer(b, n, c), n, device_dtype(y), stream_));
}

void DeviceKernels::add_bias(const at::Tensor& x_RN, const at::Tensor& bias_N) const {
  const std::int64_t width = bias_N.numel();
  if (x_RN.numel() == 0) return;
  const at::ScalarType c = x_RN.scalar_type();
  check("add_bias", table_.add_bias(pointer(x_RN, x_RN.numel(), c), pointer(bias_N, width, c), rows_of(x_RN, width), width,
                                    device_dtype(x_RN), stream_));
}

void DeviceKernels::scale(const at::Tensor& x, double factor) const {
  check("scale", table_.scale(pointer(x, x.numel(), x.scalar_type()), factor, x.numel(), device_dtype(x), stream_));
}

void DeviceKernels::zero(const at::Tensor& x) const {
  check("zero", table_.zero(pointer(x, x.numel(), x.scalar_type()), static_cast<std::int64_t>(x.nbytes()), stream_));
}

void DeviceKernels::copy(const at::Tensor& y, const at::Tensor& x) const {
  ERGON_CHECK(y.sizes() == x.sizes(), "copy of {} into {}", c10::str(x.sizes()), c10::str(y.sizes()));
  check("copy", table_.copy(y.data_ptr(), device_dtype(y), y.strides().data(), x.data_ptr(), device_dtype(x), x.strides().data(),
                            x.sizes().data(), static_cast<int>(x.dim()), stream_));
}

double DeviceKernels::squared_sum(const at::Tensor& x) const {
  double sum = 0.0;
  check("squared_sum", table_.squared_sum(&sum, pointer(x, x.numel(), x.scalar_type()), x.numel(), device_dtype(x), stream_));
  return sum;
}

bool DeviceKernels::all_finite(const at::Tensor& x) const {
  int verdict = 0;
  check("all_finite", table_.all_finite(&verdict, pointer(x, x.numel(), x.scalar_type()), x.numel(), device_dtype(x), stream_));
  return verdict != 0;
}

void DeviceKernels::adamw(const at::Tensor& master, const at::Tensor& compute, const at::Tensor& gradient, const at::Tensor& m,
                          const at::Tensor& v, const ErgonAdamW& settings) const {
  const std::int64_t n = master.numel();
  const at::Tensor& typed = compute.defined() ? compute : master;
  const at::ScalarType c = typed.scalar_type(), a = accumulator_type(c);
  check("adamw", table_.adamw(pointer(master, n, a), optional(compute, n, c), pointer(gradient, n, a), pointer(m, n, a), pointer(v, n, a),
                              &settings, n, device_dtype(typed), stream_));
}

void DeviceKernels::attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ) const {
  ERGON_CHECK(out_BTHQ.dim() == 4 && dout_BTHQ.sizes() == out_BTHQ.sizes(), "delta of {} and {}", c10::str(dout_BTHQ.sizes()),
              c10::str(out_BTHQ.sizes()));
  const std::int64_t b = out_BTHQ.size(0), t = out_BTHQ.size(1), h = out_BTHQ.size(2), q = out_BTHQ.size(3), n = out_BTHQ.numel();
  check("attention_delta",
        table_.attention_delta(pointer(delta_BHT, b * h * t, delta_BHT.scalar_type()), pointer(dout_BTHQ, n, dout_BTHQ.scalar_type()),
                               device_dtype(dout_BTHQ), pointer(out_BTHQ, n, out_BTHQ.scalar_type()), device_dtype(out_BTHQ), b, t, h, q,
                               device_dtype(delta_BHT), stream_));
}

}  // namespace ergon
