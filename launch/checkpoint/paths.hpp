// SPDX-License-Identifier: Apache-2.0
// What the commands of `ergon checkpoint` do with the folders on their lines.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint_reader.hpp"

namespace ergon {

// Without slashes at the end, which a shell's completion leaves: folders are opened by their last component.
inline std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The checkpoint that RUN|DIR means; what was passed over on the way goes to stderr.
inline CheckpointReader named_checkpoint(Storage& storage, const std::string& path) {
  std::vector<std::string> messages;
  CheckpointReader checkpoint(storage, checkpoint_folder(storage, without_slashes(path), messages));
  for (const std::string& message : messages) std::fprintf(stderr, "%s\n", message.c_str());
  return checkpoint;
}

}  // namespace ergon
