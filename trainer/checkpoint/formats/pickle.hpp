// SPDX-License-Identifier: Apache-2.0
// The pickle of a state dict, written by hand: the few opcodes that torch.load(weights_only=True) accepts. Ergon writes pickles for those
// who need them and reads none: a pickle is a program.
#pragma once

#include <string>

#include "trainer/checkpoint/lazy_tensor.hpp"

namespace ergon {

// {name: tensor} as protocol 2: tensor i is a contiguous view of the whole of storage "i". Throws Bug for a dtype without a storage class.
std::string state_dict_pickle(const LazyTensors& tensors);

}  // namespace ergon
