// SPDX-License-Identifier: Apache-2.0
// A disk whose next reads fail, as a network's does now and then.
#pragma once

#include <cerrno>
#include <functional>

#include "tests/support/inspecting_storage.hpp"
#include "trainer/storage_error.hpp"

namespace ergon::test {

class UnsteadyStorage : public InspectingStorage {
 public:
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    ++reads;
    if (failing > 0) {
      --failing;
      if (on_failure) on_failure();
      fail_call("pread", file.path(), number);
    }
    Storage::pread(file, data, offset);
  }
  int failing = 0, number = EIO, reads = 0;
  std::function<void()> on_failure;  // what happens first
};

}  // namespace ergon::test
