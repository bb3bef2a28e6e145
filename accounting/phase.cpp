// SPDX-License-Identifier: Apache-2.0
#include "accounting/phase.hpp"

#include "configs/error.hpp"

namespace ergon {

const char* name(Phase phase) {
  switch (phase) {
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::recompute:
      return "recompute";
    case Phase::evaluation:
      return "evaluation";
  }
  ERGON_CHECK(false, "phase {}", static_cast<int>(phase));
  return "";
}

}  // namespace ergon
