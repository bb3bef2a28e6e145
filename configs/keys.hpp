// SPDX-License-Identifier: Apache-2.0
// The rows of the key table, by theme; key_table() joins them.
#pragma once

#include <vector>

#include "configs/key_table.hpp"

namespace ergon {

std::vector<Key> keys_run();        // [run]
std::vector<Key> keys_model();      // [model]
std::vector<Key> keys_order();      // [data]: which samples are read, in what order
std::vector<Key> keys_training();   // [data] [train] [optimizer]
std::vector<Key> keys_mesh();       // [mesh]
std::vector<Key> keys_operation();  // [checkpoint] [recovery] [watchdog] [accounting]
std::vector<Key> keys_launch();     // [launch]
std::vector<Key> keys_metrics();    // [metrics]

}  // namespace ergon
