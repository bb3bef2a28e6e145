// SPDX-License-Identifier: Apache-2.0
// What runs beside compute on devices: gradients that leave under backward, parameters that come before they are needed. The order of
// launches and waits, and that no host waits for its device: compute is held until the host is through.
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "parallel/communicator_nccl.hpp"
#include "parallel/gradient_rounds.hpp"
#include "parallel/gradients.hpp"
#include "parallel/parameter_gather.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Lines = std::vector<std::string>;
using Body = std::function<void(Communicator& group, Failures& failures)>;

// Runs `body` on two ranks of a bulk group, whose compute is held until both hosts are through; the trace of rank 0.
Lines trace_of(const Body& body) {
  NcclMock mock(2);
  CHECK(on_mock(mock, 2, [&](auto context, auto host, Failures& failures) {
          const auto group = make_nccl_communicator(context, host, "cp-dp", Traffic::bulk);
          mock.hold_compute();
          body(*group, failures);
          host->barrier().wait();
          if (host->rank() == 0) mock.release_compute();
          NcclMock::finish_compute();
          group->settle();
        }) == "");
  CHECK(mock.disagreements() == Lines{});
  CHECK(mock.trace(1) == mock.trace(0));
  return mock.trace(0);
}

void backward_of(int unit) { NcclMock::note(fmt::format("backward of unit {}", unit)); }

// Two buckets of two units each.
std::vector<GradientSlices> two_buckets(const at::Tensor& flat, const at::Tensor& shard) {
  const auto own = [&](std::int64_t first) { return shard.defined() ? shard.narrow(0, first, 4) : at::Tensor(); };
  return {{2, 3, flat.narrow(0, 8, 8), own(4)}, {0, 1, flat.narrow(0, 0, 8), own(0)}};
}

}  // namespace

TEST_CASE("overlap over NCCL: a bucket leaves under the backward of the units before it, and is waited for once, at the end") {
  for (const bool owners : {false, true}) {
    const std::string what = owners ? "bulk cp-dp reduce_scatter 4" : "bulk cp-dp all_reduce 8";
    std::vector<at::Tensor> flats(2), shards(2);
    CHECK(trace_of([&](Communicator& group, Failures&) {
            const auto rank = static_cast<std::size_t>(group.rank());
            flats[rank] = at::full({16}, 1.0 + group.rank(), at::kDouble);
            if (owners) shards[rank] = at::zeros({8}, at::kDouble);
            GradientBuckets reduction(two_buckets(flats[rank], shards[rank]), group);
            for (int microbatch = 0; microbatch < 2; ++microbatch) {
              reduction.begin_microbatch(microbatch, 2);
              for (int unit = 3; unit >= 0; --unit) {
                backward_of(unit);
                reduction.unit_ready(unit);
              }
            }
            reduction.finish();
          }) == Lines{"backward of unit 3", "backward of unit 2", "backward of unit 1", "backward of unit 0",  //
                      "backward of unit 3", "backward of unit 2", what, "backward of unit 1", "backward of unit 0", what, "wait " + what,
                      "wait " + what});
    for (const at::Tensor& sums : owners ? shards : flats) CHECK(sums.eq(3.0).all().item<bool>());
  }
}

TEST_CASE("overlap over NCCL: what leaves in every microbatch leaves beside the next unit, and is added when the one after it leaves") {
  for (const RoundSum sum : {RoundSum::summed, RoundSum::ordered}) {
    const std::string what =
        sum == RoundSum::summed ? "bulk cp-dp reduce_scatter 4" : "bulk cp-dp {send 4 to 0, recv 4 from 0, send 4 to 1, recv 4 from 1}";
    CHECK(trace_of([&](Communicator& group, Failures&) {
            const at::Tensor flat = at::full({16}, 1.0, at::kDouble), shard = at::zeros({8}, at::kDouble);
            const auto rounds =
                std::make_shared<GradientRounds>(two_buckets(flat, shard), group, sum, std::vector<int>{0, 1}, SumStays::with_owner);
            for (int microbatch = 0; microbatch < 2; ++microbatch) {
              rounds->begin_microbatch(microbatch, 2);
              for (int unit = 3; unit >= 0; --unit) {
                backward_of(unit);
                rounds->unit_ready(unit);
              }
            }
            rounds->finish();
            NcclMock::compute([flat, shard, rounds] {});  // all stay until the streams are past them
          }) == Lines{"backward of unit 3", "backward of unit 2", what, "backward of unit 1", "backward of unit 0", "wait " + what, what,
                      "wait " + what, "backward of unit 3", "backward of unit 2", what, "backward of unit 1", "backward of unit 0",
                      "wait " + what, what, "wait " + what});
  }
}

TEST_CASE("overlap over NCCL: parameters of the next unit come while a unit computes, into the buffer that is free") {
  const std::string what = "bulk cp-dp all_gather 2";
  std::vector<at::Tensor> wholes(2);
  CHECK(trace_of([&](Communicator& group, Failures&) {
          const at::Tensor own = at::full({8}, 1.0 + group.rank(), at::kDouble);
          const at::Tensor whole = wholes[static_cast<std::size_t>(group.rank())] = at::zeros({8}, at::kDouble);
          std::vector<GatheredPart> parts;
          for (int unit = 0; unit < 4; ++unit) parts.push_back({whole.narrow(0, unit % 2 * 4, 4), own.narrow(0, unit * 2, 2), unit % 2});
          ParameterGather gather(std::move(parts), group);
          for (int unit = 0; unit < 4; ++unit) {
            gather.start(unit);
            if (unit < 3) gather.start(unit + 1);
            gather.acquire(unit);
            NcclMock::note(fmt::format("forward of unit {}", unit));
            gather.release(unit);
          }
          NcclMock::compute([own, whole] {});
        }) == Lines{what, what, "wait " + what, "forward of unit 0", what, "wait " + what, "forward of unit 1", what, "wait " + what,
                    "forward of unit 2", "wait " + what, "forward of unit 3"});
  for (const at::Tensor& whole : wholes) {
    CHECK(whole.narrow(0, 0, 2).eq(1.0).all().item<bool>());
    CHECK(whole.narrow(0, 2, 2).eq(2.0).all().item<bool>());
  }
}

}  // namespace ergon
