// SPDX-License-Identifier: Apache-2.0
// What was really executed: GEMMs reported by the one GEMM door from the sizes of its operands, attention cores reported by the kernels
// where they loop over tiles. Compared, exactly, with the analytic hardware FLOPs of accounting/. Counting costs an integer addition a call
// and is always on.
#pragma once

#include <array>
#include <cstdint>

#include "accounting/phase.hpp"
#include "configs/quantities.hpp"
#include "parallel/local_attention.hpp"

namespace ergon {

class FlopAudit {
 public:
  void enter(Phase phase) { phase_ = phase; }
  Phase phase() const { return phase_; }

  void gemm(std::int64_t m, std::int64_t n, std::int64_t k) { gemm_[index()] += Flops{static_cast<unsigned __int128>(2) * m * n * k}; }
  // head_width: Q. FLOPs = 2 Q x pairs_computed x matmuls.
  void attention(const AttentionWork& work, std::int64_t head_width);

  Flops gemm(Phase phase) const { return gemm_[static_cast<int>(phase)]; }
  Flops attention(Phase phase) const { return attention_[static_cast<int>(phase)]; }
  Flops attention_visible(Phase phase) const { return visible_[static_cast<int>(phase)]; }  // the same with pairs_visible
  bool declared() const { return declared_; }                                               // an opaque kernel took part
  void reset() { *this = FlopAudit(); }

  // Enters a phase for a scope and returns to the one before.
  class Scope {
   public:
    Scope(FlopAudit& audit, Phase phase) : audit_(audit), before_(audit.phase()) { audit.enter(phase); }
    ~Scope() { audit_.enter(before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    FlopAudit& audit_;
    Phase before_;
  };

 private:
  int index() const { return static_cast<int>(phase_); }
  Phase phase_ = Phase::forward;
  std::array<Flops, num_phases> gemm_{}, attention_{}, visible_{};
  bool declared_ = false;
};

}  // namespace ergon
