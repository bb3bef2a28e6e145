// SPDX-License-Identifier: Apache-2.0
// Work that is struck at one call of its storage: processes that die there, and disks that fail there.
#pragma once

#include <sys/types.h>

#include <functional>

#include "tests/fault/failing_storage.hpp"

namespace ergon::test {

using Deed = FailingStorage::Deed;
inline constexpr Deed every_deed[] = {Deed::kill, Deed::kill_half, Deed::no_space, Deed::io_error, Deed::short_write};
inline bool kills(Deed deed) { return deed == Deed::kill || deed == Deed::kill_half; }

// A process that does `work` and ends with 0, or 1 for an exception.
pid_t start(const std::function<void()>& work);
// Whether it was killed; otherwise it has ended as it should.
bool was_killed(pid_t child);

// Whether `work` came to the call at which the deed is done: it was killed there, in a process of its own, or ended in the Error of that
// call.
bool strike(Deed deed, int at, const std::function<void(Storage&)>& work);

}  // namespace ergon::test
