// SPDX-License-Identifier: Apache-2.0
// What a run is asked to do at the next step boundary. Ordered: where ranks disagree the larger value wins.
#pragma once

#include <functional>

namespace ergon {

enum class StopRequest : int {
  none = 0,
  save = 1,     // the save file: save and go on
  requeue = 2,  // USR1, USR2, TERM: save, exit 85
  time = 3,     // the end of the allotted time is near: save, exit 85
  stop = 4,     // INT or the stop file: save, exit 86
  failure = 5,  // rank 0 can write no more: end with its error
};

// What this rank has been asked to do so far; asked at every step boundary, and while a step waits for other ranks.
using PendingStop = std::function<StopRequest()>;

}  // namespace ergon
