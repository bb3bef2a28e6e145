// SPDX-License-Identifier: Apache-2.0
// What every backend must do, as one body: each collective on random data against a direct computation, and the events against an
// independent table. Failures are returned as text, because Catch2's CHECK may not be called from threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

// Numbers that every rank can compute for every other rank; multiples of 1/8 below 60, so that sums are exact in every order.
at::Tensor random_numbers(int seed, int rank, std::int64_t count, at::ScalarType dtype);

class Failures {
 public:
  void expect(bool holds, const std::string& what) {
    if (!holds) text.push_back(what);
  }
  std::vector<std::string> text;
};

void check_values(Communicator& group, Failures& failures);
void check_events(Communicator& group, Failures& failures);
void check_order(Communicator& group, Failures& failures);
void check_split(Communicator& group, Failures& failures);
void check_refusals(Communicator& group, Failures& failures);
void check_ordered_sum(Communicator& group, Failures& failures);

// Runs `body` on n local ranks and returns what failed on any of them.
std::string on_threads(int size, const std::function<void(Communicator&, Failures&)>& body);
std::string on_group(Communicator& group, const std::function<void(Communicator&, Failures&)>& body);

}  // namespace ergon
