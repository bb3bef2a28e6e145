/* SPDX-License-Identifier: Apache-2.0
 * What libergon_cuda.so hands to Ergon: tables of plain C functions over NCCL, CUDA and NVML, with handles and enums of our own. No header
 * of NVIDIA is needed to call or to imitate them; the plugin asserts at compile time that the numbers are the same.
 *
 * Every function returns 0 or an error code of its library, which error_string of the same table puts into words; none throws. Handles are
 * null when they hold nothing. Tables and strings live as long as the process. The plugin is never closed.
 */
#ifndef ERGON_PARALLEL_CUDA_PLUGIN_H
#define ERGON_PARALLEL_CUDA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of a struct below. */
enum { ERGON_CUDA_PLUGIN_VERSION = 1 };

typedef struct ErgonNcclCommOpaque* ErgonNcclComm;
typedef struct ErgonStreamOpaque* ErgonStream; /* null: the stream on which ATen and our kernels compute */
typedef struct ErgonEventOpaque* ErgonEvent;

enum ErgonNcclResult {
  ERGON_NCCL_SUCCESS = 0,
  ERGON_NCCL_UNHANDLED_CUDA_ERROR = 1,
  ERGON_NCCL_SYSTEM_ERROR = 2,
  ERGON_NCCL_INTERNAL_ERROR = 3,
  ERGON_NCCL_INVALID_ARGUMENT = 4,
  ERGON_NCCL_INVALID_USAGE = 5,
  ERGON_NCCL_REMOTE_ERROR = 6,
  ERGON_NCCL_IN_PROGRESS = 7
};
enum ErgonNcclType {
  ERGON_NCCL_UINT8 = 1,
  ERGON_NCCL_INT32 = 2,
  ERGON_NCCL_INT64 = 4,
  ERGON_NCCL_FLOAT16 = 6,
  ERGON_NCCL_FLOAT32 = 7,
  ERGON_NCCL_FLOAT64 = 8,
  ERGON_NCCL_BFLOAT16 = 9
};
enum ErgonNcclReduction { ERGON_NCCL_SUM = 0, ERGON_NCCL_MAX = 2, ERGON_NCCL_MIN = 3 };
enum { ERGON_NCCL_ID_BYTES = 128 };
struct ErgonNcclId {
  char bytes[ERGON_NCCL_ID_BYTES];
};

/* The calls of NCCL that bear the same names. Communicators are non-blocking: any call on one may return ERGON_NCCL_IN_PROGRESS, then
 * comm_get_async_error tells when it is done. `type` is an ErgonNcclType, `reduction` an ErgonNcclReduction; counts are elements. */
struct ErgonNcclTable {
  int (*get_version)(int* version);
  int (*get_unique_id)(struct ErgonNcclId* id);
  int (*comm_init_rank)(ErgonNcclComm* comm, int size, const struct ErgonNcclId* id, int rank, const char* name);
  int (*comm_split)(ErgonNcclComm comm, int color, int key, ErgonNcclComm* result, const char* name);
  int (*comm_get_async_error)(ErgonNcclComm comm, int* result);
  int (*comm_finalize)(ErgonNcclComm comm);
  int (*comm_destroy)(ErgonNcclComm comm);
  int (*comm_abort)(ErgonNcclComm comm);
  int (*group_start)(void);
  int (*group_end)(void);
  int (*all_reduce)(const void* send, void* receive, size_t count, int type, int reduction, ErgonNcclComm comm, ErgonStream stream);
  int (*all_gather)(const void* send, void* receive, size_t send_count, int type, ErgonNcclComm comm, ErgonStream stream);
  int (*reduce_scatter)(const void* send, void* receive, size_t receive_count, int type, int reduction, ErgonNcclComm comm,
                        ErgonStream stream);
  int (*broadcast)(const void* send, void* receive, size_t count, int type, int root, ErgonNcclComm comm, ErgonStream stream);
  int (*send)(const void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream);
  int (*recv)(void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream);
  const char* (*error_string)(int result);
  const char* (*last_error)(ErgonNcclComm comm); /* comm may be null */
};

enum ErgonCudaResult { ERGON_CUDA_SUCCESS = 0, ERGON_CUDA_INSUFFICIENT_DRIVER = 35, ERGON_CUDA_NO_DEVICE = 100 };
enum ErgonStreamPriority { ERGON_STREAM_NORMAL = 0, ERGON_STREAM_HIGH = 1 };
enum ErgonEventTiming { ERGON_EVENT_ORDER_ONLY = 0, ERGON_EVENT_TIMED = 1 };

struct ErgonDeviceProperties {
  char name[256];
  char pci_bus_id[32];
  int compute_major, compute_minor, multiprocessors;
  int64_t memory_bytes;
};

struct ErgonDeviceTable {
  int (*driver_version)(int* version); /* the CUDA version that the driver offers; 0: no driver */
  int (*device_count)(int* count);
  int (*set_device)(int device);
  int (*properties)(int device, struct ErgonDeviceProperties* properties);
  /* Streams do not wait for the compute stream on their own. */
  int (*stream_create)(ErgonStream* stream, int priority);
  int (*stream_destroy)(ErgonStream stream);
  int (*stream_wait_event)(ErgonStream stream, ErgonEvent event);
  int (*event_create)(ErgonEvent* event, int timing);
  int (*event_destroy)(ErgonEvent event);
  int (*event_record)(ErgonEvent event, ErgonStream stream);
  int (*event_query)(ErgonEvent event, int* done);
  int (*event_elapsed)(ErgonEvent begin, ErgonEvent end, float* milliseconds); /* both timed and done; below 0 when end came first */
  int (*set_current_stream)(ErgonStream stream, int device);                   /* where ATen computes, for this thread, from now on */
  const char* (*error_string)(int result);
};

/* A figure that the device does not give is -1. */
struct ErgonNvmlReading {
  int64_t power_milliwatts, energy_millijoules, memory_used_bytes, memory_total_bytes, clock_sm_mhz, clock_memory_mhz;
};

struct ErgonNvmlTable {
  int (*open)(void); /* loads libnvidia-ml.so.1; call it before the others, once or more */
  int (*driver_version)(char* text, size_t size);
  int (*device_count)(int* count);
  int (*read)(const char* pci_bus_id, struct ErgonNvmlReading* reading);
  const char* (*error_string)(int result);
};

struct ErgonKernelTable; /* trainer/kernels/cuda/kernel_table.h */

struct ErgonCudaPlugin {
  int version;               /* ERGON_CUDA_PLUGIN_VERSION */
  int table_bytes;           /* of the three tables together: a plugin of another build shows here */
  int cuda_version;          /* of the toolkit it was compiled with, 13000 for 13.0 */
  int nccl_version;          /* of the nccl.h it was compiled with, 22809 for 2.28.9 */
  const char* architectures; /* "80 90 100" */
  const struct ErgonNcclTable* nccl;
  const struct ErgonDeviceTable* device;
  const struct ErgonNvmlTable* nvml;
  const struct ErgonKernelTable* kernels; /* null: built without kernels */
};

enum { ERGON_CUDA_TABLE_BYTES = sizeof(struct ErgonNcclTable) + sizeof(struct ErgonDeviceTable) + sizeof(struct ErgonNvmlTable) };

typedef const struct ErgonCudaPlugin* (*ErgonCudaPluginEntry)(void);
/* The one symbol that the plugin exports: const struct ErgonCudaPlugin* ergon_cuda_plugin_v1(void). */
#define ERGON_CUDA_PLUGIN_ENTRY "ergon_cuda_plugin_v1"

#ifdef __cplusplus
}
#endif

#endif
