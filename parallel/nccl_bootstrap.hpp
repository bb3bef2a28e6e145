// SPDX-License-Identifier: Apache-2.0
// How a communicator of NCCL comes up: rank 0 of the host group makes the unique id and broadcasts it, every rank starts and polls, and all
// tell each other how it ended. So one rank's failure ends the start on all of them at once, with that rank's number, and a failure of the
// network is tried again by all together, with a new id, after a pause.
#pragma once

#include <memory>
#include <string>

#include "parallel/communicator.hpp"
#include "parallel/nccl_comm.hpp"

namespace ergon {

// Collective over `host`, whose ranks and order the new communicator takes. Throws Error: ExitCode::world with NCCL's own words and the
// ranks that failed; ExitCode::stuck past the limit, naming the ranks that were silent.
std::unique_ptr<NcclComm> start_nccl(const std::shared_ptr<NcclContext>& context, Communicator& host, const std::string& group);

}  // namespace ergon
