// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process: for one rank, and for tests. An operation is carried out in rank order by the thread that arrives last;
// so results are the same in every run. A rank that calls another operation than the others, with other sizes, or leaves while others wait
// for it, makes all of them throw Error (ExitCode::stuck) that names it, instead of hanging.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

// `size` communicators of one group; give one to each thread.
std::vector<std::unique_ptr<Communicator>> make_local_group(int size, const std::string& name = "world");

// Runs `body` on `size` threads, one rank each, and joins them; then throws what the first rank that failed on its own account threw.
void run_local_ranks(int size, const std::function<void(std::unique_ptr<Communicator>)>& body);

}  // namespace ergon
