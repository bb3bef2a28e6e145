// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/stream.hpp"

#include <algorithm>

#include "parallel/tensor_parallel.hpp"

namespace ergon {
namespace {

std::int64_t first_row(const LayerCall& call) { return call.parted() ? call.step.tp.rank() * call.stream_rows() : 0; }

// This rank's rows as whole rectangles [samples, length]: at most the end of a sample, samples, the beginning of one.
// body(first row within the part, samples, length, first sample within the microbatch)
template <class Body>
void for_rectangles(const LayerCall& call, const Body& body) {
  const std::int64_t length = call.length(), begin = first_row(call), end = begin + call.stream_rows();
  for (std::int64_t row = begin; row < end;) {
    const std::int64_t within = row % length, whole = (end - row) / length;
    const std::int64_t samples = within == 0 && whole > 0 ? whole : 1;
    const std::int64_t taken = within == 0 && whole > 0 ? length : std::min(length - within, end - row);
    body(row - begin, samples, taken, row / length);
    row += samples * taken;
  }
}

// Views of one rectangle.
struct Rectangle {
  const LayerCall& call;
  std::int64_t row, samples, length;
  at::Tensor rows(const at::Tensor& x_RD) const {
    return call.view(call.narrow(x_RD, 0, row, samples * length), {samples, length, x_RD.size(1)});
  }
  at::Tensor positions() const {
    const at::Tensor positions_N = call.view(call.positions_BT, {call.rows()});
    return call.view(call.narrow(positions_N, 0, first_row(call) + row, samples * length), {samples, length});
  }
};

Dropout of_sample(Dropout dropout, std::int64_t sample) {
  dropout.first_sample += sample;
  return dropout;
}

}  // namespace

at::Tensor all_rows(const LayerCall& call, Arena& arena, const at::Tensor& part_RD) {
  if (!call.parted()) return part_RD;
  const at::Tensor whole_ND = arena.take({call.rows(), part_RD.size(1)}, part_RD.scalar_type());
  tensor_parallel::gather_rows(call.step.tp, whole_ND, part_RD).wait();
  return whole_ND;
}

at::Tensor partial_rows(const LayerCall& call, Arena& arena, const at::Tensor& sum_RD) {
  return call.parted() ? arena.take({call.rows(), sum_RD.size(1)}, sum_RD.scalar_type()) : sum_RD;
}

Work sum_rows(const LayerCall& call, const at::Tensor& sum_RD, const at::Tensor& partial_ND) {
  return call.parted() ? tensor_parallel::scatter_rows(call.step.tp, sum_RD, partial_ND) : sum_over_tp(call, sum_RD);
}

at::Tensor own_rows(const LayerCall& call, const at::Tensor& whole_N) {
  return call.parted() ? call.narrow(whole_N, 0, first_row(call), call.stream_rows()) : whole_N;
}

void stream_dropout(const LayerCall& call, const at::Tensor& y_RD, const at::Tensor& x_RD, const Dropout& dropout) {
  for_rectangles(call, [&](std::int64_t row, std::int64_t samples, std::int64_t length, std::int64_t sample) {
    const Rectangle part{call, row, samples, length};
    dropout_apply(part.rows(y_RD), part.rows(x_RD), part.positions(), of_sample(dropout, sample));
  });
}

void stream_dropout_add(const LayerCall& call, const at::Tensor& y_RD, const at::Tensor& residual_RD, const at::Tensor& x_RD,
                        const at::Tensor& bias_D, const Dropout& dropout) {
  for_rectangles(call, [&](std::int64_t row, std::int64_t samples, std::int64_t length, std::int64_t sample) {
    const Rectangle part{call, row, samples, length};
    dropout_add(part.rows(y_RD), part.rows(residual_RD), part.rows(x_RD), bias_D, part.positions(), of_sample(dropout, sample));
  });
}

}  // namespace ergon
