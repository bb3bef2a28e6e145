// SPDX-License-Identifier: Apache-2.0
#include "trainer/hdf5_contents.hpp"

#include <cerrno>

#include "configs/error.hpp"
#include "trainer/storage_error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

Hdf5Contents sample() {
  return {{{"/a", {Hdf5Type::u16, {10}, 100, 20}}, {"/b/c", {Hdf5Type::f64, {2, 3}, 120, 48}}, {"/none", {Hdf5Type::u8, {0}, -1, 0}}},
          {{"big", {std::nullopt, INT64_MIN}}, {"text", {"forty-two", std::nullopt}}, {"odd", {}}}};
}

template <typename Action>
std::string contents_problem(Action action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == "p");
    return error.problem();
  }
  return "no error";
}

}  // namespace

TEST_CASE("contents come back from their text") {
  CHECK(parse_hdf5_contents(to_text(sample()), "p") == sample());
  CHECK_THAT(to_text(sample()), Catch::Contains("\"schema\": \"ergon.h5-layout.v1\"") && Catch::Contains("\"-9223372036854775808\""));
}

TEST_CASE("what is asked for must be there, and of that kind") {
  const Hdf5Contents contents = sample();
  CHECK(contents.dataset("/b/c", Hdf5Type::f64, 2, "p").offset == 120);
  CHECK(contents_problem([&] { contents.dataset("/x", Hdf5Type::f64, 2, "p"); }) == "has no /x");
  CHECK(contents_problem([&] { contents.dataset("/b/c", Hdf5Type::f32, 2, "p"); }) == "/b/c is not of type f32");
  CHECK(contents_problem([&] { contents.dataset("/b/c", Hdf5Type::f64, 1, "p"); }) == "/b/c does not have 1 dimensions");
  CHECK(contents_problem([&] { contents.text("x", "p"); }) == "has no attribute x");
  CHECK(contents_problem([&] { contents.text("big", "p"); }) == "attribute big is not one string of fixed length");
  CHECK(contents_problem([&] { contents.integer("odd", "p"); }) == "attribute odd is not one 64-bit integer");
  CHECK(contents_problem([&] { contents.integer("x", "p"); }) == "has no attribute x");
}

TEST_CASE("a refusal comes back as what it was: a damaged file, or a disk that failed") {
  const Error damaged("is odd", "p", "", ExitCode::data);
  CHECK(contents_problem([&] { parse_hdf5_contents(refusal_text(damaged), "p"); }) == "is odd");
  try {
    parse_hdf5_contents(refusal_text(CallError(Error("HDF5 cannot open the file: Stale file handle", "q", "", ExitCode::data), ESTALE)),
                        "p");
    FAIL("accepted");
  } catch (const CallError& error) {
    CHECK(error.number() == ESTALE);
    CHECK(error.where() == "p");
    CHECK(error.problem() == "HDF5 cannot open the file: Stale file handle");
    CHECK_THAT(error.hint(), Catch::Contains("the disk or its server failed"));
  }
}

TEST_CASE("an answer that is none is refused in one sentence") {
  CHECK(contents_problem([] { parse_hdf5_contents(std::string(1 << 20, '['), "p"); }) == "is described by JSON that nests too deep");
  CHECK(contents_problem([] { parse_hdf5_contents(R"({"schema": "ergon.h5-layout.v1", "error": "is odd"})", "p"); }) == "is odd");
  for (
      const char* text :
      {"", "{", "[]", "null", R"({"schema": "x", "error": "y"})", R"({"schema": "ergon.h5-layout.v1"})",
       R"({"schema": "ergon.h5-layout.v1", "datasets": [{"name": 1}], "attributes": []})",
       R"({"schema": "ergon.h5-layout.v1", "datasets": [{"name": "/a", "type": "u9", "shape": [], "offset": 0, "bytes": 0}], "attributes": []})",
       R"({"schema": "ergon.h5-layout.v1", "datasets": [], "attributes": [{"name": "a", "integer": "12x"}]})",
       R"({"schema": "ergon.h5-layout.v1", "datasets": [], "attributes": [{"name": "a", "integer": "99999999999999999999"}]})"}) {
    CAPTURE(text);
    CHECK_THAT(contents_problem([&] { parse_hdf5_contents(text, "p"); }),
               Catch::StartsWith("the process that read this file answered nonsense"));
  }
}

TEST_CASE("a dataset that does not lie inside the file, whatever the answer says, is refused") {
  check_inside(sample(), 168, "p");
  CHECK_THAT(contents_problem([] { check_inside(sample(), 167, "p"); }),
             Catch::Contains("/b/c (48 bytes) does not lie inside the file (167"));
  const auto refusal = [](Hdf5Extent extent) { return contents_problem([&] { check_inside({{{"/a", extent}}, {}}, 1000, "p"); }); };
  CHECK(refusal({Hdf5Type::u16, {10}, 100, 20}) == "no error");
  CHECK(refusal({Hdf5Type::u16, {10}, 100, 21}) == "/a has 21 bytes, its shape says 20");
  CHECK_THAT(refusal({Hdf5Type::u16, {10}, -1, 20}), Catch::Contains("does not lie inside"));
  CHECK_THAT(refusal({Hdf5Type::u16, {10}, INT64_MAX, 20}), Catch::Contains("does not lie inside"));
  CHECK(refusal({Hdf5Type::u16, {-10}, 100, -20}) == "/a has an impossible shape");
  CHECK(refusal({Hdf5Type::u64, {INT64_MAX, 3}, 100, 20}) == "/a has an impossible shape");
}
