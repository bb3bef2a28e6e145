// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "configs/error.hpp"
#include "configs/names.hpp"

namespace ergon {

// The other way round than choice_name. Throws Bug for a name that no type has: what a person wrote was checked before.
inline DType dtype_named(const std::string& name) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
    if (name == choice_name(dtype)) return dtype;
  throw Bug("no dtype is named " + name);
}

}  // namespace ergon
