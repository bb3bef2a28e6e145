// SPDX-License-Identifier: Apache-2.0
// What a communicator reports of an operation, and to whom.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "configs/quantities.hpp"

namespace ergon {

// split is never reported: it moves nothing, but a rank may be waited for in it.
enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, send, recv, ring_shift, barrier, split };
const char* name(Collective operation);

struct CommunicationEvent {
  std::string group;  // "tp", "cp-dp", "world"
  Collective operation;
  at::ScalarType dtype;
  // Element count per peer: the whole tensor (all_reduce, broadcast, send, recv, ring_shift), one rank's part (all_gather, reduce_scatter,
  // all_to_all); of all_to_all_v everything in `input`.
  std::int64_t elements;
  // This rank's share. Summed over the group: all_reduce 2(n-1) x size; all_gather, reduce_scatter (n-1) x total; all_to_all the
  // off-diagonal blocks; broadcast (n-1) x size, booked on the root; send and ring_shift its size; recv and barrier 0.
  Bytes bytes;
  std::uint64_t sequence;  // number of the operation within its group
  Seconds seconds;         // start to completion as this rank saw it
  Seconds exposed;         // of these, spent inside wait()
};

class CommunicationObserver {
 public:
  virtual ~CommunicationObserver() = default;
  virtual void completed(const CommunicationEvent& event) = 0;
};

// What a device's clock says of an operation.
struct MeasuredSeconds {
  Seconds seconds, exposed;
};

}  // namespace ergon
