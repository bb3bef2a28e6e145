// SPDX-License-Identifier: Apache-2.0
// A state dict as torch.save writes it: a zip archive of a pickle and one record a tensor, packed by LibTorch. For those who need it; Ergon
// reads none.
#pragma once

#include <string>

#include "configs/quantities.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"
#include "trainer/storage.hpp"

namespace ergon {

inline constexpr const char* pytorch_name = "pytorch_model.bin";

// Writes and syncs `path`, which does not exist; one tensor in memory at a time.
Bytes write_pytorch(Storage& storage, const std::string& path, const LazyTensors& tensors);

}  // namespace ergon
