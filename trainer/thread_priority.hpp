// SPDX-License-Identifier: Apache-2.0
// Threads that must not take processors from the step.
#pragma once

namespace ergon {

// How much less than its process such a thread asks for, in steps of nice(2): about a tenth of the weight of a thread that computes.
constexpr int background_niceness = 10;

// Lowers the priority of the calling thread alone, for good: raising it again takes a privilege. Where the system refuses, nothing changes.
void yield_to_computing();

}  // namespace ergon
