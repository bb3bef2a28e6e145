// SPDX-License-Identifier: Apache-2.0
// A model as one HDF5 file that h5py opens: a dataset a parameter, under our own names, in order; the attribute `model` of the root holds
// its [model] section as TOML, ergon_format is "model", ergon_version 1. It holds any model; equal ones give equal bytes.
#pragma once

#include <string>

#include "configs/model_shape.hpp"
#include "configs/quantities.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// The [model] section with every key.
std::string model_section(const ModelShape& model);

// Writes `path`, which does not exist, as PATH.tmp first. Throws Error for a type that HDF5 1.10 does not have.
Bytes write_hdf5_model(Storage& storage, const std::string& path, const ModelShape& model, const LazyTensors& parameters);

struct Hdf5Model {
  ModelShape model;
  LazyTensors parameters;  // in order of the names; not checked against the model
};
// The file is looked into by a helper process. Throws Error (ExitCode::data) for what was not written by the above.
Hdf5Model read_hdf5_model(Storage& storage, const std::string& path);

}  // namespace ergon
