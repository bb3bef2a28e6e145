// SPDX-License-Identifier: Apache-2.0
#include "configs/error.hpp"

namespace ergon {
namespace {

std::string compose(const std::string& what, const std::string& where, const std::string& hint) {
  std::string text = where.empty() ? what : fmt::format("{}: {}", where, what);
  if (!hint.empty()) text += fmt::format("\n  hint: {}", hint);
  return text;
}

}  // namespace

Error::Error(std::string what, std::string where, std::string hint, ExitCode code)
    : std::runtime_error(compose(what, where, hint)),
      problem_(std::move(what)),
      where_(std::move(where)),
      hint_(std::move(hint)),
      code_(code) {}

void throw_bug(const char* file, int line, const char* condition, const std::string& message) {
  throw Bug(fmt::format("{}:{}: {} does not hold: {}", file, line, condition, message));
}

}  // namespace ergon
