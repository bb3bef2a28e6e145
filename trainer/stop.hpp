// SPDX-License-Identifier: Apache-2.0
// Why a run should end at the next step boundary. Ordered: where ranks disagree the larger value wins.
#pragma once

#include <functional>

namespace ergon {

enum class StopRequest : int {
  none = 0,
  requeue = 1,  // USR1, USR2, TERM: save, exit 85
  stop = 2,     // INT or the stop file: save, exit 86
  failure = 3,  // rank 0 can write no more: end with its error
};

// What this rank has been asked to do so far; asked at every step boundary, and while a step waits for other ranks.
using PendingStop = std::function<StopRequest()>;

}  // namespace ergon
