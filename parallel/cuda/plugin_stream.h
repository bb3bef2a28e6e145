/* SPDX-License-Identifier: Apache-2.0
 * The stream behind a handle of plugin.h. */
#ifndef ERGON_PARALLEL_CUDA_PLUGIN_STREAM_H
#define ERGON_PARALLEL_CUDA_PLUGIN_STREAM_H

#include <cuda_runtime_api.h>

#include "parallel/cuda/plugin.h"

inline cudaStream_t stream_of(ErgonStream stream) { return reinterpret_cast<cudaStream_t>(stream); }

#endif
