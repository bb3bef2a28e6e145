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

// in.txt and a.h5 of it, a document a paragraph, made once for all tests of a program: they do not change these two, and give what they
// make names of their own.
struct TextStore {
  TextStore() {
    write_text(folder / "in.txt");
    const DataResult imported = ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2 --json");
    REQUIRE(imported.status == 0);
    summary = imported.out;
  }
  TemporaryFolder folder;
  std::string summary;  // of the import
};
inline const TextStore& text_store() {
  static const TextStore store;
  return store;
}

}  // namespace ergon::test
