// SPDX-License-Identifier: Apache-2.0
// One rank looks into the token stores for all: a helper process a file, instead of one a file and rank.
#pragma once

#include <string>
#include <vector>

#include "parallel/communicator.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// Collective. Rank 0 asks what each store holds (and each shard of a dataset file), and `storage` of every rank remembers the answer; each
// still opens its own files, and checks offsets and content hash against them. Throws AgreedError on every rank for a file that is refused.
void share_store_layouts(const std::vector<std::string>& paths, Storage& storage, Communicator& control);

}  // namespace ergon
