// SPDX-License-Identifier: Apache-2.0
// What a parameter declares about itself: its logical name, its global shape, which box of it this rank holds, and how its gradient becomes
// whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/plan/mesh.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {

enum class Init : std::uint8_t { normal, zeros, ones };

// A sum that a gradient needs besides the one over dp x cp.
enum class PartialOver : std::uint8_t {
  nothing,
  tp,           // under sequence parallelism: norms, biases of row-parallel products, positions (trainer/partial_sums)
  kv_replicas,  // summed by the layer, in every microbatch
  embedding     // a tied table on the first and the last pipeline stage (trainer/partial_sums)
};

using ParameterId = int;

struct ParameterSpec {
  std::string name;      // "layers.3.attention.query.weight"; logical, layer-global, the same on every mesh
  std::string kind;      // "norm", "bias", "embedding" or "matrix": what optimizer.no_decay selects
  Extents global_shape;  // as on disk: [out, in], vocabulary without padding
  ShardBox box;          // the part of it that this rank holds, in global coordinates
  Extents local_shape;   // as in memory; larger than box.extent only by vocabulary padding rows, at the end, kept zero
  int unit = 0;          // embedding or tied table, then layers, then head; numbered from 0 on every rank
  PartialOver partial_over = PartialOver::nothing;
  bool counts_here = true;  // this rank counts it in the norm and writes it to checkpoints (each element counted once over tp and pp)
  Init init = Init::normal;
  double init_std = 0.0;  // of Init::normal
};

}  // namespace ergon
