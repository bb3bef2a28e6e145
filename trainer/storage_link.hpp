// SPDX-License-Identifier: Apache-2.0
// Names that several processes make: second names of files (the run lock), folders; part of trainer/storage. Each throws Error as Storage
// does.
#pragma once

#include <string>

#include "trainer/storage.hpp"

namespace ergon {

// Gives an open file that has one name a second one. False: the name is taken, or the file's own name is gone. A failure counts for
// nothing when the file has two names afterwards: over NFS the answer to a link that was made can be lost.
bool link_file(const Storage::File& file, const std::string& path);

// Makes a folder whose parent is there and does not sync the parent. False: it was there.
bool ensure_directory(Storage& storage, const std::string& path);

// Whether what has this name is a file, not a link to one, a folder or a pipe. Throws Error when it cannot be asked.
bool is_ordinary(const std::string& path);

// False: the file was unlinked since it was opened.
bool has_name(const Storage::File& file);

}  // namespace ergon
