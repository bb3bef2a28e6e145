// SPDX-License-Identifier: Apache-2.0
// What the tests of writing and of reading HDF5 layouts share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/hdf5.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

// The problem of the Error that the action throws, whose code is data.
inline std::string problem_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Datasets of several types, one without elements; attributes of the root and of a group.
inline void write_sample(const std::string& path) {
  Hdf5Layout layout(path);
  layout.group("/g");
  layout.dataset("/g/data", Hdf5Type::u16, {10});
  layout.dataset("/matrix", Hdf5Type::f32, {2, 3});
  layout.dataset("/empty", Hdf5Type::u64, {0, 2});
  layout.attribute("/", "text", std::string("forty-two"));
  layout.attribute("/", "nothing", std::string());
  layout.attribute("/", "number", std::int64_t{-42});
  layout.attribute("/g", "number", std::int64_t{-42});
  layout.close();
}

}  // namespace ergon::test
