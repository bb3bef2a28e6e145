// SPDX-License-Identifier: Apache-2.0
// A system call of trainer/storage that failed, as an Error: which call, on what, the system's message, and what to do about it.
#pragma once

#include <string>

namespace ergon {

// Throws Error (ExitCode::data): "mkdir failed: No space left on device". `code` is the call's errno.
[[noreturn]] void fail_call(const char* call, const std::string& path, int code);

}  // namespace ergon
