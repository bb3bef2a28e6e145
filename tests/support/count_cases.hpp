// SPDX-License-Identifier: Apache-2.0
// Counts the test cases that a process runs, so that its main can tell "all skipped" from "passed" (tests/support/skip.hpp). Only for the
// files that hold main.
#pragma once

// Catch2 version 2 shows its listeners only on request.
#ifndef CATCH_CONFIG_EXTERNAL_INTERFACES
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#endif
#include "tests/support/catch.hpp"

namespace ergon::test {

#ifdef ERGON_CATCH2_V2
using ListenerBase = Catch::TestEventListenerBase;
#else
using ListenerBase = Catch::EventListenerBase;
#endif

inline int num_cases_run = 0;

class CountCases : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    ++num_cases_run;
    ListenerBase::testCaseStarting(info);
  }
};

CATCH_REGISTER_LISTENER(CountCases)

}  // namespace ergon::test
