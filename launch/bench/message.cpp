// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/message.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "configs/clock.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

class Sum final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override { bytes += event.bytes.value; }
  std::int64_t bytes = 0;
};

}  // namespace

BenchMessage::BenchMessage(Communicator& world, Collective operation, std::int64_t bytes) : world_(world), operation_(operation) {
  const std::int64_t per_rank = 4 * world.size(), part = std::max<std::int64_t>(1, (bytes + per_rank - 1) / per_rank),
                     whole = part * world.size();
  input_ = at::zeros({operation == Collective::all_gather ? part : whole}, at::kFloat);
  output_ = at::zeros({operation == Collective::reduce_scatter ? part : whole}, at::kFloat);
}

Work BenchMessage::start() {
  switch (operation_) {
    case Collective::all_reduce:
      return world_.all_reduce(input_);
    case Collective::all_gather:
      return world_.all_gather(output_, input_);
    case Collective::reduce_scatter:
      return world_.reduce_scatter(output_, input_);
    case Collective::all_to_all:
      return world_.all_to_all(output_, input_);
    case Collective::ring_shift:
      return world_.ring_shift(output_, input_);
    default:
      throw Bug(fmt::format("no message of {}", name(operation_)));
  }
}

Seconds BenchMessage::time() {
  const Clock::time_point begin = Clock::now();
  start().wait();
  return since(begin);
}

std::int64_t BenchMessage::sent() {
  Sum sum;
  world_.observe(&sum);
  start().wait();
  world_.observe(nullptr);
  const at::Tensor all = at::full({1}, sum.bytes, at::kLong);
  world_.all_reduce(all).wait();
  return all.data_ptr<std::int64_t>()[0];
}

}  // namespace ergon
