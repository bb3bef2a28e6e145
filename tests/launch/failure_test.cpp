// SPDX-License-Identifier: Apache-2.0
#include "launch/failure.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

template <typename Exception>
FailureReport failure(Exception exception) {
  return describe_failure(std::make_exception_ptr(exception));
}

}  // namespace

TEST_CASE("an error keeps its code, anything else is internal") {
  CHECK(failure(Error("no such file", "a.h5", "make it", ExitCode::data)).code == 3);
  CHECK(failure(Error("no such file", "a.h5", "make it", ExitCode::data)).text == "ergon: error: a.h5: no such file\n  hint: make it\n");
  CHECK(failure(Error("world", "", "", ExitCode::world)).code == 4);
  CHECK(failure(Bug("x.cpp:3: a == b does not hold: 1 2")).code == 70);
  CHECK(failure(Bug("x.cpp:3: a == b does not hold: 1 2")).text.find("a bug in Ergon: x.cpp:3") != std::string::npos);
  CHECK(failure(std::runtime_error("bad alloc")).text == "ergon: error: unexpected: bad alloc\n");
  CHECK(failure(std::runtime_error("bad alloc")).code == 70);
  CHECK(failure(42).text == "ergon: error: unexpected: an exception of unknown type\n");
}

TEST_CASE("run_guarded returns the value, or the code after the abort hook has seen it") {
  int aborted = 0;
  auto abort = [&](int code) { aborted = code; };
  CHECK(run_guarded([] { return 85; }, abort) == 85);
  CHECK(aborted == 0);
  CHECK(run_guarded([]() -> int { throw Error("stop", "", "", ExitCode::stuck); }, abort) == 5);
  CHECK(aborted == 5);
  CHECK(run_guarded([]() -> int { throw std::runtime_error("x"); }) == 70);
}
