// SPDX-License-Identifier: Apache-2.0
#include "launch/bench_timers.hpp"

#include "configs/clock.hpp"

namespace ergon {
namespace {

class Clocked {
 public:
  explicit Clocked(Seconds& sum) : sum_(sum) {}
  ~Clocked() { sum_ += since(start_); }
  Clocked(const Clocked&) = delete;
  Clocked& operator=(const Clocked&) = delete;

 private:
  Seconds& sum_;
  Clock::time_point start_ = Clock::now();
};

class TimedGemm final : public GemmLibrary {
 public:
  TimedGemm(const GemmLibrary& library, Seconds& sum) : library_(library), sum_(sum) {}
  std::string name() const override { return library_.name(); }
  void multiply(const GemmCall& g, const float* a, const float* b, float beta, float* c) const override {
    const Clocked clock(sum_);
    library_.multiply(g, a, b, beta, c);
  }
  void multiply(const GemmCall& g, const double* a, const double* b, double beta, double* c) const override {
    const Clocked clock(sum_);
    library_.multiply(g, a, b, beta, c);
  }
  bool native_bfloat16() const override { return library_.native_bfloat16(); }
  void multiply(const GemmCall& g, const c10::BFloat16* a, const c10::BFloat16* b, float beta, float* c) const override {
    const Clocked clock(sum_);
    library_.multiply(g, a, b, beta, c);
  }

 private:
  const GemmLibrary& library_;
  Seconds& sum_;
};

class TimedAttention final : public LocalAttention {
 public:
  TimedAttention(std::unique_ptr<LocalAttention> kernel, Seconds& sum) : kernel_(std::move(kernel)), sum_(sum) {}
  const char* name() const override { return kernel_->name(); }
  AttentionTiles tiles() const override { return kernel_->tiles(); }
  AttentionWork forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const BlockMask& mask,
                        const AttentionDropout& dropout, double scale, AttentionOutput& result) const override {
    const Clocked clock(sum_);
    return kernel_->forward(q, k, v, mask, dropout, scale, result);
  }
  AttentionWork backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
                         const at::Tensor& lse, const at::Tensor& delta, const BlockMask& mask, const AttentionDropout& dropout,
                         double scale, AttentionGradients& result) const override {
    const Clocked clock(sum_);
    return kernel_->backward(dout, q, k, v, out, lse, delta, mask, dropout, scale, result);
  }

 private:
  std::unique_ptr<LocalAttention> kernel_;
  Seconds& sum_;
};

}  // namespace

std::unique_ptr<GemmLibrary> timed(const GemmLibrary& library, Seconds& sum) { return std::make_unique<TimedGemm>(library, sum); }

std::unique_ptr<LocalAttention> timed(std::unique_ptr<LocalAttention> kernel, Seconds& sum) {
  return std::make_unique<TimedAttention>(std::move(kernel), sum);
}

}  // namespace ergon
