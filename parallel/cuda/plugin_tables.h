/* SPDX-License-Identifier: Apache-2.0
 * The tables inside the plugin, one a source. */
#ifndef ERGON_PARALLEL_CUDA_PLUGIN_TABLES_H
#define ERGON_PARALLEL_CUDA_PLUGIN_TABLES_H

#include "parallel/cuda/plugin.h"

const ErgonNcclTable* ergon_plugin_nccl() noexcept;
const ErgonDeviceTable* ergon_plugin_device() noexcept;
const ErgonNvmlTable* ergon_plugin_nvml() noexcept;

#endif
