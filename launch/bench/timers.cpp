// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/timers.hpp"

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
  bool multiply_rounded(const GemmCall& g, const c10::BFloat16* a, const c10::BFloat16* b, c10::BFloat16* c) const override {
    const Clocked clock(sum_);
    return library_.multiply_rounded(g, a, b, c);
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
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override {
    const Clocked clock(sum_);
    return kernel_->forward(block, result);
  }
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override {
    const Clocked clock(sum_);
    return kernel_->backward(block, upstream, result);
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
