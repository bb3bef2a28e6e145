// SPDX-License-Identifier: Apache-2.0
// `ergon data` as a person types it: the real binary, in a folder of the test's.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

namespace ergon::test {

struct DataResult {
  int status;
  std::string out, err;
};

inline DataResult ergon_data(const TemporaryFolder& folder, const std::string& arguments) {
  const std::string command =
      "cd '" + folder.path() + "' && '" + std::string(std::getenv("ERGON_BINARY")) + "' data " + arguments + " > out.txt 2> err.txt";
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), read_file(folder / "out.txt"), read_file(folder / "err.txt")};
}

// 300 paragraphs of two lines.
inline void write_text(const std::string& path) {
  std::string text;
  for (int p = 0; p < 300; ++p) text += "Paragraph number " + std::to_string(p) + " says that work is counted.\nIt says so twice.\n\n";
  write_file(path, text);
}

// a.h5 in the folder, a document a paragraph.
inline void make_store(const TemporaryFolder& folder) {
  write_text(folder / "in.txt");
  REQUIRE(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2").status == 0);
}

}  // namespace ergon::test
