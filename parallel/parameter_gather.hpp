// SPDX-License-Identifier: Apache-2.0
// Brings parts of parameters together from their owners, ahead of their use. Under ZeRO-1 the parts are buckets, gathered after each
// update; under ZeRO-3 they are units, gathered for each pass in turn into a few buffers that they share.
//
// Invariants: a buffer holds one part at a time, from start to the release of its last user; a part is gathered once for as long as it is
// held. All ranks call in one order.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

struct GatheredPart {
  at::Tensor whole;  // where it comes together
  at::Tensor own;    // this rank's part; may be its place in `whole`
  int buffer;        // parts of one buffer are never held together
};

class ParameterGather {
 public:
  // `group`, the ranks whose parts in rank order make up each whole, must outlive this.
  ParameterGather(std::vector<GatheredPart> parts, Communicator& group);

  void start(int part);     // without effect where it is held or under way
  void prefetch(int part);  // start, unless another part has its buffer
  void acquire(int part);   // waits for it, starting it if nobody did; each acquire has its release
  void release(int part);
  void poll();
  void settle();  // waits for and lets go of all that is under way

 private:
  struct State {
    Work work;
    int users = 0;
    bool started = false;
  };
  State& state(int part) { return states_.at(static_cast<std::size_t>(part)); }

  std::vector<GatheredPart> parts_;
  Communicator& group_;
  std::vector<State> states_;  // by part
  std::vector<int> holder_;    // by buffer: the part that it holds, or -1
};

}  // namespace ergon
