// SPDX-License-Identifier: Apache-2.0
// Folders that exist complete or not at all: what one process makes beside a training run.
#pragma once

#include <functional>
#include <string>

#include "trainer/checkpoint/format.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Calls fill(FOLDER.tmp), then renames that to FOLDER and syncs its parent. What fill throws passes through, FOLDER.tmp is removed. Throws
// Error when either exists.
void write_new_folder(Storage& storage, const std::string& folder, const std::function<void(const std::string& temporary)>& fill);

// Throws Error (ExitCode::config) when there is something under the temporary name of what a command makes.
void refuse_leftover(Storage& storage, const std::string& path);

// Writes and syncs a text file of a folder that is not in place yet, and whose names are synced before it is; what a manifest says of it.
StoredFile write_checked(Storage& storage, const std::string& folder, const std::string& name, const std::string& text);

}  // namespace ergon
