// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/delta.hpp"

#include <ATen/Dispatch.h>

#include "configs/error.hpp"

namespace ergon {
namespace {

template <typename Scalar>
void delta_rows(Scalar* delta_BHT, const Scalar* dout_BTHQ, const Scalar* out_BTHQ, std::int64_t b_size, std::int64_t t_size,
                std::int64_t h_size, std::int64_t q_size) {
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t b = 0; b < b_size; ++b) {
    for (std::int64_t t = 0; t < t_size; ++t) {
      for (std::int64_t h = 0; h < h_size; ++h) {
        const std::int64_t row = ((b * t_size + t) * h_size + h) * q_size;
        double sum = 0.0;
        for (std::int64_t q = 0; q < q_size; ++q) sum += static_cast<double>(dout_BTHQ[row + q]) * static_cast<double>(out_BTHQ[row + q]);
        delta_BHT[(b * h_size + h) * t_size + t] = static_cast<Scalar>(sum);
      }
    }
  }
}

}  // namespace

void attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ) {
  const std::int64_t b = out_BTHQ.size(0), t = out_BTHQ.size(1), h = out_BTHQ.size(2), q = out_BTHQ.size(3);
  ERGON_CHECK(dout_BTHQ.sizes() == out_BTHQ.sizes() && delta_BHT.sizes() == at::IntArrayRef({b, h, t}), "delta of [{}, {}, {}, {}]", b, t,
              h, q);
  ERGON_CHECK(delta_BHT.is_contiguous() && dout_BTHQ.is_contiguous() && out_BTHQ.is_contiguous(), "delta needs contiguous tensors");
  AT_DISPATCH_FLOATING_TYPES(out_BTHQ.scalar_type(), "attention_delta", [&] {
    delta_rows(delta_BHT.data_ptr<scalar_t>(), dout_BTHQ.data_ptr<scalar_t>(), out_BTHQ.data_ptr<scalar_t>(), b, t, h, q);
  });
}

}  // namespace ergon
