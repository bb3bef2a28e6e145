// SPDX-License-Identifier: Apache-2.0
// Devices, streams and events of CUDA as the table of plugin.h.
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <cstdio>

#include "parallel/cuda/plugin_stream.h"
#include "parallel/cuda/plugin_tables.h"

namespace {

static_assert(int{ERGON_CUDA_SUCCESS} == cudaSuccess && int{ERGON_CUDA_INSUFFICIENT_DRIVER} == cudaErrorInsufficientDriver);
static_assert(int{ERGON_CUDA_NO_DEVICE} == cudaErrorNoDevice);

cudaEvent_t event_of(ErgonEvent event) { return reinterpret_cast<cudaEvent_t>(event); }

int properties(int device, ErgonDeviceProperties* properties) noexcept {
  cudaDeviceProp found;
  cudaError_t code = cudaGetDeviceProperties(&found, device);
  if (code == cudaSuccess) code = cudaDeviceGetPCIBusId(properties->pci_bus_id, sizeof properties->pci_bus_id, device);
  if (code != cudaSuccess) return code;
  std::snprintf(properties->name, sizeof properties->name, "%s", found.name);
  properties->compute_major = found.major;
  properties->compute_minor = found.minor;
  properties->multiprocessors = found.multiProcessorCount;
  properties->memory_bytes = static_cast<int64_t>(found.totalGlobalMem);
  return cudaSuccess;
}

int stream_create(ErgonStream* stream, int priority) noexcept {
  int least = 0, greatest = 0;
  const cudaError_t code = cudaDeviceGetStreamPriorityRange(&least, &greatest);
  if (code != cudaSuccess) return code;
  return cudaStreamCreateWithPriority(reinterpret_cast<cudaStream_t*>(stream), cudaStreamNonBlocking,
                                      priority == ERGON_STREAM_HIGH ? greatest : least);
}

int event_create(ErgonEvent* event, int timing) noexcept {
  return cudaEventCreateWithFlags(reinterpret_cast<cudaEvent_t*>(event),
                                  timing == ERGON_EVENT_TIMED ? cudaEventDefault : cudaEventDisableTiming);
}

int event_query(ErgonEvent event, int* done) noexcept {
  const cudaError_t code = cudaEventQuery(event_of(event));
  *done = code == cudaSuccess;
  return code == cudaErrorNotReady ? cudaSuccess : code;
}

int set_current_stream(ErgonStream stream, int device) noexcept {
  const auto index = static_cast<c10::DeviceIndex>(device);
  try {
    c10::cuda::setCurrentCUDAStream(stream ? c10::cuda::getStreamFromExternal(stream_of(stream), index)
                                           : c10::cuda::getDefaultCUDAStream(index));
  } catch (...) {
    return cudaErrorInvalidResourceHandle;
  }
  return cudaSuccess;
}

}  // namespace

const ErgonDeviceTable* ergon_plugin_device() noexcept {
  static const ErgonDeviceTable table = {
      [](int* version) -> int { return cudaDriverGetVersion(version); },
      [](int* count) -> int { return cudaGetDeviceCount(count); },
      [](int device) -> int { return cudaSetDevice(device); },
      properties,
      stream_create,
      [](ErgonStream stream) -> int { return cudaStreamDestroy(stream_of(stream)); },
      [](ErgonStream stream, ErgonEvent event) -> int { return cudaStreamWaitEvent(stream_of(stream), event_of(event), 0); },
      event_create,
      [](ErgonEvent event) -> int { return cudaEventDestroy(event_of(event)); },
      [](ErgonEvent event, ErgonStream stream) -> int { return cudaEventRecord(event_of(event), stream_of(stream)); },
      event_query,
      [](ErgonEvent begin, ErgonEvent end, float* milliseconds) -> int {
        return cudaEventElapsedTime(milliseconds, event_of(begin), event_of(end));
      },
      set_current_stream,
      [](int result) -> const char* { return cudaGetErrorString(static_cast<cudaError_t>(result)); },
  };
  return &table;
}
