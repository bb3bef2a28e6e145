// SPDX-License-Identifier: Apache-2.0
// A sacct of a test, found before the machine's as long as this lives.
#pragma once

#include <cstdlib>
#include <string>

#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

class FakeSacct {
 public:
  explicit FakeSacct(const std::string& script) {
    write_file(folder_ / "sacct", "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder_ / "sacct", std::filesystem::perms::owner_all);
    setenv("PATH", (folder_.path() + ":" + path_).c_str(), 1);
  }
  FakeSacct(const FakeSacct&) = delete;
  FakeSacct& operator=(const FakeSacct&) = delete;
  ~FakeSacct() { setenv("PATH", path_.c_str(), 1); }

 private:
  TemporaryFolder folder_;
  const std::string path_ = std::getenv("PATH");
};

}  // namespace ergon::test
