// SPDX-License-Identifier: Apache-2.0
// Which units (parallel/plan/unit_plan.hpp) a stage of a pipeline has. Example: 5 layers, a tied table, learned positions, 2 stages of one
// chunk: the first has the table, the positions and 2 layers, the last the table, 3 layers and the head.
#pragma once

#include "configs/model_shape.hpp"
#include "parallel/plan/unit_plan.hpp"

namespace ergon {

// Throws Error as partition_layers does.
UnitPlan stage_units(const ModelShape& shape, int pp, int virtual_stages, int stage);

}  // namespace ergon
