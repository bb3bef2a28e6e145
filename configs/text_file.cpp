// SPDX-License-Identifier: Apache-2.0
#include "configs/text_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "configs/error.hpp"

namespace ergon {

std::string text_of_file(const std::string& path, const std::string& hint) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw Error("is a folder, not a file", path, hint);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(fmt::format("cannot be read: {}", std::strerror(errno)), path, hint);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace ergon
