// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/new_folder.hpp"

#include "configs/error.hpp"
#include "trainer/complete_file.hpp"

namespace ergon {

void refuse_leftover(Storage& storage, const std::string& path) {
  if (storage.exists(path)) throw Error("this is left over from a command that was interrupted, or one that still runs", path, "remove it");
}

void write_new_folder(Storage& storage, const std::string& folder, const std::function<void(const std::string& temporary)>& fill) {
  const std::string temporary = folder + ".tmp";
  if (storage.exists(folder)) throw Error("this exists already, and nothing is overwritten", folder, "name another folder, or remove it");
  refuse_leftover(storage, temporary);
  storage.make_directories(parent_folder(temporary));
  storage.make_directory(temporary);
  try {
    fill(temporary);
    storage.sync_directory(temporary);
  } catch (...) {
    storage.remove_directory(temporary);
    throw;
  }
  storage.rename(temporary, folder);
  storage.sync_directory(parent_folder(folder));
}

StoredFile write_checked(Storage& storage, const std::string& folder, const std::string& name, const std::string& text) {
  CompleteFile file(storage, folder + "/" + name, FileNaming::with_folder);
  file.write(text);
  const FinishedFile written = file.finish();
  return {name, written.bytes, written.crc};
}

}  // namespace ergon
