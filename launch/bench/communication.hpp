// SPDX-License-Identifier: Apache-2.0
// What `ergon bench communication` measures on the ranks that mpirun started: collectives by size, and how much of a transfer computing
// hides.
//
// Open MPI has no thread of its own: a message moves while some call of MPI polls. So a transfer beside computing is timed three ways:
// nobody polls until the wait, MPI_Test between blocks of computing (what the strategies of parallel/context_parallel do), and a thread
// that polls.
#pragma once

#include <nlohmann/json.hpp>

#include "launch/bench/rounds.hpp"

namespace ergon {

struct CommunicationJob {
  std::vector<std::int64_t> bytes = {4096, 65536, 1048576, 16777216};  // of the tensor that a collective is about
  std::vector<std::int64_t> hidden_bytes = {1048576, 16777216};        // of the transfers beside computing
  std::int64_t rounds = 5;
};
nlohmann::json to_json(const CommunicationJob& job);
CommunicationJob communication_job(const nlohmann::json& json);

// {ranks, collectives[{operation, bytes, sent, seconds}], overlap[{operation, bytes, blocks, seconds{transfer, compute, unpolled, polled,
// thread}}]}; `sent`: bytes of all ranks together. Collective over `world`, whose tensors are on the host.
nlohmann::json measure_communication(Communicator& world, const CommunicationJob& job);

}  // namespace ergon
