// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run folder: RUN/checkpoints/step_00001200.a0003 is one that was committed; a suffix says that it is not:
//   .tmp1      being written, or left by a killed save (the number counts the saves of one process)
//   .corrupt   did not verify: set aside, never deleted by Ergon
//   .del       being deleted
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/storage.hpp"

namespace ergon {

std::string checkpoints_folder(const std::string& run_folder);
std::string checkpoint_name(std::int64_t step, int attempt);

struct CatalogueEntry {
  std::string name;                  // of the folder, with its suffix
  CheckpointId id;                   // step and attempt from the name; uuid from the manifest
  std::string suffix;                // empty: committed
  std::optional<Manifest> manifest;  // of a committed one whose manifest verifies
  std::string problem;               // why there is no manifest
};

struct Catalogue {
  std::vector<CatalogueEntry> entries;  // newest first: by attempt, then step
  Lineage lineage;                      // with what the manifests say about parents

  // Committed, of the lineage, newest first; healthy or not, verified or not.
  std::vector<const CatalogueEntry*> candidates() const;
};

// Names that Ergon did not make are not looked at. Throws Error for a lineage file torn in its middle and for a folder that cannot be read.
Catalogue read_catalogue(Storage& storage, const std::string& run_folder);

// Reads a folder's manifest and checks what is cheap: the manifest itself, that every file is there in its full size, and the checksums of
// the text files. Throws Corrupt.
Manifest check_manifest(Storage& storage, const std::string& folder);
// A text file of a checkpoint, against its manifest. Throws Corrupt.
std::string read_checked(Storage& storage, const std::string& folder, const std::string& name, const Manifest& manifest);

// Renames a committed folder to NAME.corrupt and returns that name.
std::string quarantine(Storage& storage, const std::string& run_folder, const std::string& name);

}  // namespace ergon
