// SPDX-License-Identifier: Apache-2.0
// A scontrol and a scancel of a test, found before the machine's as long as this lives.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

class FakeSlurm {
 public:
  FakeSlurm() {
    program("scontrol", fmt::format("cat '{}'\n", folder_ / "jobs"));
    program("scancel", fmt::format("echo \"$*\" >>'{}'\n", folder_ / "cancelled"));
    setenv("PATH", (folder_.path() + ":" + path_).c_str(), 1);
  }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;
  ~FakeSlurm() { setenv("PATH", path_.c_str(), 1); }

  // What scontrol says from now on, whatever job it is asked about.
  void says(const std::string& lines) const { write_file(folder_ / "jobs", lines); }
  void program(const std::string& name, const std::string& script) const {
    write_file(folder_ / name, "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  // The words of each call of scancel, a line each.
  std::string cancelled() const {
    return std::filesystem::exists(folder_ / "cancelled") ? read_file(folder_ / "cancelled") : std::string();
  }

 private:
  TemporaryFolder folder_;
  const std::string path_ = std::getenv("PATH");
};

}  // namespace ergon::test
