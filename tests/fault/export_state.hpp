// SPDX-License-Identifier: Apache-2.0
// What a reader makes of an export that broke off.
#pragma once

#include <string>

#include "tests/fault/tree.hpp"
#include "trainer/checkpoint/export.hpp"

namespace ergon::test {

// What is under the name, then what the same export comes to where nothing was: "whole", "nothing", or what is wrong. `good` is the folder
// of `output` behind an export that nothing disturbed.
std::string look_at_export(const CheckpointReader& checkpoint, const ExportOptions& options, const std::string& output, const Tree& good);

}  // namespace ergon::test
