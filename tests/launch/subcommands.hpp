// SPDX-License-Identifier: Apache-2.0
// Subcommands as a person types them: by the real binary, or, faster, called in this process.
#pragma once

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "launch/child_process.hpp"

namespace ergon::test {

// What the binary printed; throws Error when it does not exit with 0.
inline std::string ergon(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::getenv("ERGON_BINARY"));
  return output_of(arguments);
}

// Takes what is written to std::cout while it lives.
class CapturedOutput {
 public:
  CapturedOutput() : terminal_(std::cout.rdbuf(text_.rdbuf())) {}
  ~CapturedOutput() { std::cout.rdbuf(terminal_); }
  CapturedOutput(const CapturedOutput&) = delete;
  CapturedOutput& operator=(const CapturedOutput&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* terminal_;
};

struct Called {
  int code;
  std::string text;  // of std::cout
};

// The function of a subcommand on a line's words; what it throws passes through, so call it outside CHECK, which would swallow that.
inline Called call(int (*command)(int argc, char** argv), const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), name);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const CapturedOutput output;
  const int code = command(static_cast<int>(argv.size()), argv.data());
  return {code, output.text()};
}

}  // namespace ergon::test
