// SPDX-License-Identifier: Apache-2.0
// A flight record read back from its file (parallel/FLIGHT.md): what one rank did with the others, and how far it came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ergon {

struct ReadOperation {
  std::int64_t id = 0;  // of all operations of that rank, from 1
  std::size_t group = 0;
  std::string operation, dtype;
  std::int64_t elements = 0;
  std::vector<std::int64_t> shape;  // empty: the record tells none
  int peer = -1;                    // place in the group of a message's other side; -1: a collective
  std::int64_t sequence = 0;
  std::int64_t created_unix_ns = 0;
  std::string state, phase;
  std::int64_t step = 0;

  bool sends() const { return operation == "send"; }
  bool waits() const { return state == "waited_for"; }
  bool done() const { return state == "completed"; }
  std::string tensor() const;  // "[4, 32] float64", "128 x float64" without a shape
};

struct ReadGroup {
  std::string name, key;
  std::vector<int> members;               // world ranks in group order
  std::int64_t collectives = 0;           // started there
  std::vector<std::int64_t> sent, asked;  // messages to and from each member, started there; empty: the record tells none
};

// What a rank found out about an operation, as its own record tells it.
struct ReadVerdict {
  std::vector<int> missing;
  int rank = 0;  // that waits in the operation
  std::string group_key, operation;
  int peer = -1;  // place in the group of a message's other side; -1: a collective
  std::int64_t sequence = 0;
};

struct ReadFlight {
  int rank = 0;
  std::string host, phase;
  std::int64_t step = 0;
  std::int64_t written_unix_ns = 0;
  std::vector<ReadGroup> groups;
  std::vector<ReadOperation> operations;  // in order of id
  std::string verdict;                    // the message that ended the rank; empty: none
  std::optional<int> finder;              // who found it
  std::optional<ReadVerdict> found;       // by this rank, of an operation that somebody is missing from

  const ReadOperation* waits() const;  // the oldest that is waited for; null: none
  const ReadOperation* last() const;   // the newest; null: none is recorded
};

// Throws Error (ExitCode::data) at `path` for a text that is not a whole record of a known schema.
ReadFlight parse_flight(const std::string& text, const std::string& path);

}  // namespace ergon
