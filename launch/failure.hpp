// SPDX-License-Identifier: Apache-2.0
// From an exception to a text on stderr and an exit code (configs/error.hpp): Error -> its code, anything else is a bug in Ergon -> 70.
//
// Under MPI the order matters: an exception that unwinds past the owner of MPI would finalize or abort before anybody has said why, and the
// other ranks would wait for a rank that has left. So the function that owns MPI runs its body inside run_guarded, with a hook that aborts
// the job:
//
//   MpiEnvironment mpi(...);
//   return run_guarded([&] { return train(...); }, [&](int code) { mpi.abort(code); });
#pragma once

#include <exception>
#include <functional>
#include <string>

namespace ergon {

struct FailureReport {
  std::string text;  // "ergon: error: ...", ends with a newline
  int code;
};

FailureReport describe_failure(std::exception_ptr exception);

// Throws Error (ExitCode::data) when what was printed on stdout did not get there: a full disk, a closed descriptor. To be called last.
void require_answer_written();

// Runs body and returns its value. An exception is described on stderr; then `abort`, if given, is called with the exit code (it may not
// return), and the code is returned.
int run_guarded(const std::function<int()>& body, const std::function<void(int)>& abort = nullptr);

}  // namespace ergon
