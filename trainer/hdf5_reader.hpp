// SPDX-License-Identifier: Apache-2.0
// Looks into an HDF5 file that somebody else may have written. HDF5 1.10 can crash or hang over such a file, so this runs in a helper
// process only (`ergon h5-layout`, launch/hdf5_helper) and in tests; nothing else calls H5Fopen (a test reads the sources).
//
// A file is refused unless it is a regular file with the HDF5 signature; every component of a name is a hard link; datasets are contiguous,
// in the file itself (no external or virtual storage, no filter), of one of our little-endian types, and lie inside the file. Filters load
// no code.
#pragma once

#include <string>
#include <vector>

#include "trainer/hdf5_contents.hpp"

namespace ergon {

// The datasets of these absolute names, each of which must be there, or, without names, of all that a walk finds (groups nested at most 16
// deep, at most 2^20 objects), and the attributes of `/`. Throws Error (ExitCode::data) that names `path`.
Hdf5Contents read_hdf5_contents(const std::string& path, const std::vector<std::string>& names);

}  // namespace ergon
