// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/dropout.hpp"

#include <array>

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/dropout_mask.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

DropoutPlan plan_of(const Dropout& d) {
  ERGON_CHECK(d.site != DropoutSite::attention, "attention has its own dropout, inside its kernels");
  const Stream stream = d.site == DropoutSite::embedding ? Stream::embedding_dropout : Stream::residual_dropout;
  return dropout_plan(d.p, d.seed, stream, d.step, d.layer, static_cast<unsigned>(d.site));
}

// y = residual + (x + bias) * factor over one row; residual and bias may be null.
template <class C>
void row(C* y, const C* residual, const C* x, const C* bias, const DropoutPlan& plan, bool drops, std::uint64_t index, std::int64_t width) {
  constexpr std::int64_t block = 256;
  using A = Accumulator<C>;
  std::array<A, block> factors;
  factors.fill(A(1));
  for (std::int64_t d0 = 0; d0 < width; d0 += block) {
    const std::int64_t count = std::min(block, width - d0);
    if (drops) dropout_factors(plan, index + static_cast<std::uint64_t>(d0), count, factors.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t d = d0 + i;
      const A value = (bias ? widen(x[d]) + widen(bias[d]) : widen(x[d])) * factors[static_cast<std::size_t>(i)];
      y[d] = rounded<C>(residual ? widen(residual[d]) + value : value);
    }
  }
}

void run(const at::Tensor& y_BTD, const at::Tensor* residual_BTD, const at::Tensor& x_BTD, const at::Tensor& bias_D,
         const at::Tensor& positions_BT, const Dropout& dropout) {
  ERGON_CHECK(x_BTD.dim() == 3, "dropout wants [B, T, D], got {}", c10::str(x_BTD.sizes()));
  const std::int64_t batch = x_BTD.size(0), length = x_BTD.size(1), width = x_BTD.size(2), elements = x_BTD.numel();
  const bool drops = dropout.p > 0.0;
  const DropoutPlan plan = plan_of(dropout);
  const std::int64_t* positions = drops ? data<std::int64_t>(positions_BT, batch * length) : nullptr;
  dispatch_compute(x_BTD, [&](auto zero) {
    using C = decltype(zero);
    C* y = data<C>(y_BTD, elements);
    const C *x = data<C>(x_BTD, elements), *residual = residual_BTD ? data<C>(*residual_BTD, elements) : nullptr;
    const C* bias = bias_D.defined() ? data<C>(bias_D, width) : nullptr;
    for_rows(batch * length, width * 4, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t sample = dropout.first_sample + r / length, position = drops ? positions[r] : 0;
        const auto index = static_cast<std::uint64_t>((sample * dropout.sequence + position) * width);
        row(y + r * width, residual ? residual + r * width : nullptr, x + r * width, bias, plan, drops, index, width);
      }
    });
  });
}

}  // namespace

void dropout_apply(const at::Tensor& y_BTD, const at::Tensor& x_BTD, const at::Tensor& positions_BT, const Dropout& dropout) {
  if (const DeviceKernels* device = device_kernels(x_BTD)) return device->dropout(y_BTD, {}, x_BTD, {}, positions_BT, dropout);
  run(y_BTD, nullptr, x_BTD, at::Tensor(), positions_BT, dropout);
}

void dropout_add(const at::Tensor& y_BTD, const at::Tensor& residual_BTD, const at::Tensor& x_BTD, const at::Tensor& bias_D,
                 const at::Tensor& positions_BT, const Dropout& dropout) {
  if (const DeviceKernels* device = device_kernels(x_BTD))
    return device->dropout(y_BTD, residual_BTD, x_BTD, bias_D, positions_BT, dropout);
  run(y_BTD, &residual_BTD, x_BTD, bias_D, positions_BT, dropout);
}

double attention_dropout_factor(const AttentionDropout& d, std::int64_t sample, std::int64_t head, std::int64_t query, std::int64_t key) {
  if (d.p == 0.0) return 1.0;
  const DropoutPlan plan =
      dropout_plan(d.p, d.seed, Stream::attention_dropout, d.step, d.layer, static_cast<unsigned>(DropoutSite::attention));
  return dropout_factor<double>(plan, static_cast<std::uint64_t>(((sample * d.num_heads + head) * d.sequence + query) * d.sequence + key));
}

void check_dropout_counters(const ModelShape& shape, std::int64_t batch, std::int64_t steps) {
  const auto refuse = [](const char* what, const char* key) {
    throw Error(fmt::format("{} overflows the dropout counter of the random number generator", what), key,
                "choose a smaller value, or model.dropout = 0");
  };
  if (shape.dropout == 0.0) return;
  if (steps >= (std::int64_t{1} << 32)) refuse("a run of 2^32 steps or more", "train.steps");
  if (shape.layers >= (std::int64_t{1} << 29)) refuse("a model of 2^29 layers or more", "model.layers");
  __extension__ using Wide = unsigned __int128;
  const Wide rows = static_cast<Wide>(batch) * static_cast<Wide>(shape.sequence), limit = Wide{1} << 63;
  if (rows >= limit || rows * static_cast<Wide>(shape.width) >= limit) refuse("a step of 2^63 activations or more", "train.batch");
  if (rows * static_cast<Wide>(shape.heads) >= limit || rows * static_cast<Wide>(shape.heads) * static_cast<Wide>(shape.sequence) >= limit)
    refuse("a step of 2^63 attention pairs or more", "train.batch");
}

}  // namespace ergon
