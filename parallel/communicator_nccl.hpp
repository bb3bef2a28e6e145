// SPDX-License-Identifier: Apache-2.0
// Ranks with a device each, tensors in device memory, over tables of functions (parallel/cuda/plugin.h): ordinary C++, the same with the
// mock.
//
// An operation is put on one of two streams (Traffic), behind what the compute stream holds at that moment. Work::wait puts the compute
// stream behind the operation and returns at once: no host waits. Seconds are the device's, taken from events; exposed is what the compute
// stream stood still. A barrier orders the devices, not the hosts.
// - No tags: several sends to one rank, and its receives, must be started in the same order, and two ranks that both send first may wait
// for each other; start_together, ring_shift and all_to_all launch both directions as one group.
// - Errors: an invalid argument throws and leaves the group usable; any other breaks it for good (parallel/nccl_comm.hpp).
#pragma once

#include <memory>
#include <string>

#include "parallel/communicators.hpp"
#include "parallel/nccl_context.hpp"

namespace ergon {

// Collective over `host`, whose ranks and order it takes, and through which it starts and splits. A group of one rank needs no NCCL.
std::unique_ptr<Communicator> make_nccl_communicator(std::shared_ptr<NcclContext> context, std::shared_ptr<Communicator> host,
                                                     const std::string& name, Traffic traffic);

}  // namespace ergon
