// SPDX-License-Identifier: Apache-2.0
// The peak of live tensor bytes of a forward and a backward of each strategy, counted at ATen's allocator: it is what
// parallel/plan/attention_memory says, so no operator of a strategy makes a tensor that is not in the plan.
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <mutex>

#include "parallel/communicator_local.hpp"
#include "parallel/communicators.hpp"
#include "parallel/context_parallel/strategy.hpp"
#include "parallel/plan/attention_memory.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/tiled.hpp"
#include "trainer/kernels/precision.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// Live bytes of the tensors that this thread made, and their peak.
class LiveBytes final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
    live += bytes;
    peak = std::max(peak, live);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t live = 0, peak = 0;
};

// Every tensor by itself, rounded up to 64 bytes as the trainer's arenas do, until this ends.
class EachByItself final : public TensorMemory {
 public:
  at::Tensor take(at::IntArrayRef sizes, at::ScalarType dtype) override {
    std::int64_t elements = 1;
    for (const std::int64_t size : sizes) elements *= size;
    const std::int64_t bytes = (std::max<std::int64_t>(1, elements) * static_cast<std::int64_t>(c10::elementSize(dtype)) + 63) / 64 * 64;
    storages_.push_back(at::empty({bytes}, at::kByte));
    return storages_.back().view(dtype).narrow(0, 0, elements).view(sizes);
  }
  at::Tensor strided(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, std::int64_t offset) override {
    return x.as_strided(sizes, strides, x.storage_offset() + offset);
  }

 private:
  std::vector<at::Tensor> storages_;
};

struct Peaks {
  std::int64_t kept = 0, forward = 0, backward = 0;
};

struct Job {
  ContextSharding sharding;
  std::int64_t gather_heads = 1;
  at::ScalarType dtype = at::kFloat;
  AttentionExtent extent;
};

// The gradients of one gather, of all ranks.
std::int64_t copied_by_a_sum(const Job& job) {
  if (job.sharding.attention != AttentionSharding::gather_kv) return 0;
  return 2 * job.extent.batch * job.extent.sequence * job.gather_heads * job.extent.head_width * job.extent.exact;
}

Job job_of(AttentionSharding attention, int ranks, int ulysses, std::int64_t gather_heads, at::ScalarType dtype) {
  const std::int64_t wire = static_cast<std::int64_t>(c10::elementSize(dtype));
  return {
      {attention, SequenceLayout::zigzag, ranks, ulysses},
      gather_heads,
      dtype,
      {.batch = 2, .sequence = 64, .heads = 8, .kv_heads = 4, .head_width = 16, .wire = wire, .exact = std::max<std::int64_t>(4, wire)}};
}

Peaks peaks_of(const Job& job, Communicators& groups) {
  const auto& [batch, sequence, heads, kv_heads, width, wire, exact_size] = job.extent;
  const std::int64_t rows = sequence / job.sharding.cp;
  const at::ScalarType exact = accumulator_type(job.dtype);
  const auto random = [&](std::int64_t h, at::ScalarType dtype) { return at::randn({batch, rows, h, width}, dtype); };
  const at::Tensor q = random(heads, job.dtype), k = random(kv_heads, job.dtype), v = random(kv_heads, job.dtype),
                   dout = random(heads, job.dtype), out = random(heads, exact);
  AttentionGradients result{random(heads, exact), random(kv_heads, exact), random(kv_heads, exact)};
  const TiledAttention kernel;
  const auto strategy = make_attention_strategy(job.sharding, job.gather_heads, {kernel, attention_delta},
                                                {*groups.cp, *groups.cp_ring, *groups.cp_exchange});
  const AttentionRule rule;
  Peaks peaks;
  for (int round = 0; round < 2; ++round) {  // the kernel makes its tiles in the first
    const auto live = std::make_shared<LiveBytes>();
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, live);
    EachByItself keep;
    AttentionState state;
    const auto call = [&](TensorMemory& scratch) { return AttentionCall{q, k, v, {&rule, 1}, {}, 0.25, keep, scratch}; };
    {
      EachByItself scratch;
      strategy->forward(call(scratch), out, state);
      peaks.forward = live->peak;
    }
    peaks.kept = live->live;
    live->peak = live->live;
    {
      EachByItself scratch;
      strategy->backward(call(scratch), dout, out, state, result);
      peaks.backward = live->peak;
    }
    groups.world->barrier().wait();
  }
  return peaks;
}

}  // namespace

TEST_CASE("live memory: the peak of every strategy is kept and scratch of the plan, to the byte") {
  using enum AttentionSharding;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble})
    for (const Job& job : {job_of(ring, 1, 1, 1, dtype), job_of(ring, 4, 1, 1, dtype), job_of(ulysses, 4, 1, 1, dtype),
                           job_of(gather_kv, 4, 1, 2, dtype), job_of(hybrid, 4, 2, 1, dtype)}) {
      std::mutex mutex;
      std::vector<Peaks> measured(static_cast<std::size_t>(job.sharding.cp));
      run_local_ranks(job.sharding.cp, [&](std::unique_ptr<Communicator> world) {
        const auto rank = static_cast<std::size_t>(world->rank());
        Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = job.sharding.cp, .tp = 1}), std::move(world), 1, {}, job.sharding.exchanging());
        const Peaks peaks = peaks_of(job, groups);
        const std::lock_guard lock(mutex);
        measured[rank] = peaks;
      });
      for (int rank = 0; rank < job.sharding.cp; ++rank) {
        const AttentionMemory plan = attention_memory(job.sharding, job.gather_heads, job.extent, rank);
        const Peaks& got = measured[static_cast<std::size_t>(rank)];
        INFO("sharding " << static_cast<int>(job.sharding.attention) << " of " << job.sharding.cp << ", rank " << rank << ", "
                         << c10::toString(dtype));
        CHECK(got.kept == plan.kept.value);
        CHECK(got.forward == (plan.kept + plan.forward).value);
        // In a group of threads the last to come adds everybody's message up in a copy of it.
        const std::int64_t own = (plan.kept + plan.backward).value, of_the_group = copied_by_a_sum(job);
        CHECK((got.backward == own || got.backward == own + of_the_group));
      }
    }
}
