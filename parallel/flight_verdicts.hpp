// SPDX-License-Identifier: Apache-2.0
// Flight records as the verdicts among them saw the ranks. A rank that was stopped and is woken up to end, or that comes too late, goes on
// for a moment after it was named, while the others stand where they gave up; compared as they are, such records show its last moment
// first.
//
// Example: rank 0 waits in operation 17 of tp and finds that rank 1 is missing there. Woken up, rank 1 starts 17 and then waits in
// operation 4 of dp: neither counts, so it has started 17 operations of tp and waits for nobody.
#pragma once

#include <vector>

#include "parallel/flight_reading.hpp"

namespace ergon {

// Of a rank that a verdict names: without the operation that it was missed in and what it started behind that, by its own numbers, for
// clocks differ. (Whether one that did not answer had started it already nobody can tell; then too the verdict holds.) Of the rank that
// missed it: still waiting there.
std::vector<ReadFlight> as_verdicts_saw(std::vector<ReadFlight> flights);

}  // namespace ergon
