// SPDX-License-Identifier: Apache-2.0
// Where an attempt finds the stores that its run file names.
#pragma once

#include "configs/data_section.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// The paths of `data`, but where a relative one leads nowhere from this working folder, and `before`, what config.toml says of the attempt
// before, has a file of that name that is there: that one.
DataSection found_stores(DataSection data, const DataSection& before, Storage& storage);

}  // namespace ergon
