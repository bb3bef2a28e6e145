// SPDX-License-Identifier: Apache-2.0
// Skipping is never silent: `skipped: reason` is printed and counted by tests/run.sh. A process in which every test case skipped exits
// with 77. Use: `if (!present) return skip("no GPU here");` as the first statement of a TEST_CASE. Under MPI every rank must take the same
// decision.
#pragma once

#include <string>

namespace ergon::test {

void skip(const std::string& reason);
int num_skipped();

// The exit status of a process with so many failed, run and skipped test cases: 1, 77 when all of them skipped, or 0.
int exit_status(int num_failed, int num_run, int num_skipped);

}  // namespace ergon::test
