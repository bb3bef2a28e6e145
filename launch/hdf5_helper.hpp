// SPDX-License-Identifier: Apache-2.0
// Looks into HDF5 files in a process of its own: ergon-h5-layout, or `ergon h5-layout` where that is not beside this program, which HDF5
// may crash or hang over a damaged or hostile file. The file is handed over as an open descriptor, so what is looked at is what is read
// afterwards. The helper limits its own memory, processor time and written bytes; this side limits its wall time and its answer, kills it
// when either is over, and reads the answer as untrusted.
#pragma once

#include <cstdint>
#include <string>

#include "configs/quantities.hpp"
#include "trainer/hdf5_contents.hpp"

namespace ergon {

// ergon-h5-layout in the folder of this program, else this program itself.
std::string hdf5_helper_program();

struct HelperLimits {
  Seconds wall{60};           // until it has answered
  Bytes answer{100'000'000};  // of its JSON
  std::string program = hdf5_helper_program();
};

InspectHdf5 hdf5_helper(HelperLimits limits = {});

}  // namespace ergon
