// SPDX-License-Identifier: Apache-2.0
#include "accounting/snapshot_memory.hpp"

#include "accounting/parameters.hpp"
#include "configs/dtype_size.hpp"

namespace ergon {

Bytes snapshot_bytes(const RunConfig& config) {
  if (!config.checkpoint.asynchronous || config.checkpoint.every == 0) return {};
  constexpr std::int64_t kinds = 3;  // masters, first and second moments
  return {kinds * count_parameters(config.model).total * accumulator_bytes_of(config.train.dtype)};
}

}  // namespace ergon
