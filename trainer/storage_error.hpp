// SPDX-License-Identifier: Apache-2.0
// A system call of trainer/storage that failed, as an Error: which call, on what, the system's message, and what to do about it.
#pragma once

#include <string>

#include "configs/error.hpp"

namespace ergon {

// For those who can do something about one kind of failure.
class CallError : public Error {
 public:
  CallError(const Error& error, int number) : Error(error), number_(number) {}
  int number() const { return number_; }  // the call's errno

 private:
  int number_;
};

// Throws CallError (ExitCode::data): "mkdir failed: No space left on device". `code` is the call's errno.
[[noreturn]] void fail_call(const char* call, const std::string& path, int code);
// The same of a call that a library made; `problem` is what the library says.
[[noreturn]] void fail_inside(const std::string& problem, const std::string& path, int code);

}  // namespace ergon
