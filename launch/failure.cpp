// SPDX-License-Identifier: Apache-2.0
#include "launch/failure.hpp"

#include <cstdio>
#include <iostream>

#include "configs/error.hpp"

namespace ergon {

FailureReport describe_failure(std::exception_ptr exception) {
  const int internal = static_cast<int>(ExitCode::internal);
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {fmt::format("ergon: error: {}\n", error.what()), static_cast<int>(error.code())};
  } catch (const Bug& bug) {
    return {fmt::format("ergon: error: a bug in Ergon: {}\n  hint: please report this line and the command\n", bug.what()), internal};
  } catch (const std::exception& other) {
    return {fmt::format("ergon: error: unexpected: {}\n", other.what()), internal};
  } catch (...) {
    return {"ergon: error: unexpected: an exception of unknown type\n", internal};
  }
}

void require_answer_written() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Error("the answer could not be written", "standard output", "make room where it goes, or send it elsewhere", ExitCode::data);
}

int run_guarded(const std::function<int()>& body, const std::function<void(int)>& abort) {
  try {
    return body();
  } catch (...) {
    FailureReport failure = describe_failure(std::current_exception());
    std::fflush(stdout);
    std::fputs(failure.text.c_str(), stderr);
    std::fflush(stderr);
    if (abort) abort(failure.code);
    return failure.code;
  }
}

}  // namespace ergon
