// SPDX-License-Identifier: Apache-2.0
#include "tests/support/skip.hpp"

#include <iostream>

namespace ergon::test {
namespace {

int& counter() {
  static int count = 0;
  return count;
}

}  // namespace

void skip(const std::string& reason) {
  ++counter();
  std::cout << "skipped: " << reason << std::endl;
}

int num_skipped() { return counter(); }

int exit_status(int num_failed, int num_run, int num_skipped) {
  if (num_failed != 0) return 1;
  return num_run > 0 && num_skipped >= num_run ? 77 : 0;
}

}  // namespace ergon::test
