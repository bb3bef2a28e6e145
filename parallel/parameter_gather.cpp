// SPDX-License-Identifier: Apache-2.0
#include "parallel/parameter_gather.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr int nobody = -1;

}  // namespace

ParameterGather::ParameterGather(std::vector<GatheredPart> parts, Communicator& group)
    : parts_(std::move(parts)), group_(group), states_(parts_.size()) {
  int buffers = 0;
  for (const GatheredPart& part : parts_) {
    ERGON_CHECK(part.own.numel() * group.size() == part.whole.numel(), "a part of {} elements for {} ranks of {}", part.own.numel(),
                group.size(), part.whole.numel());
    buffers = std::max(buffers, part.buffer + 1);
  }
  holder_.assign(static_cast<std::size_t>(buffers), nobody);
}

void ParameterGather::start(int part) {
  State& of_part = state(part);
  if (of_part.started) return;
  const GatheredPart& tensors = parts_[static_cast<std::size_t>(part)];
  int& holder = holder_[static_cast<std::size_t>(tensors.buffer)];
  ERGON_CHECK(holder == nobody, "part {} is gathered where part {} is still held", part, holder);
  holder = part;
  of_part.started = true;
  of_part.work = group_.all_gather(tensors.whole, tensors.own);
}

void ParameterGather::prefetch(int part) {
  if (holder_[static_cast<std::size_t>(parts_.at(static_cast<std::size_t>(part)).buffer)] == nobody) start(part);
}

void ParameterGather::acquire(int part) {
  start(part);
  State& of_part = state(part);
  of_part.work.wait();
  ++of_part.users;
}

void ParameterGather::release(int part) {
  State& of_part = state(part);
  ERGON_CHECK(of_part.users > 0, "part {} is released without being held", part);
  if (--of_part.users > 0) return;
  of_part.started = false;
  holder_[static_cast<std::size_t>(parts_[static_cast<std::size_t>(part)].buffer)] = nobody;
}

void ParameterGather::poll() {
  for (State& of_part : states_) of_part.work.query();
}

void ParameterGather::settle() {
  for (int part = 0; part < static_cast<int>(parts_.size()); ++part) {
    if (!state(part).started || state(part).users > 0) continue;
    acquire(part);
    release(part);
  }
}

}  // namespace ergon
