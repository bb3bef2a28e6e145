// SPDX-License-Identifier: Apache-2.0
// NCCL as the table of plugin.h.
#include <nccl.h>

#include <cstring>

#include "parallel/cuda/plugin_stream.h"
#include "parallel/cuda/plugin_tables.h"

namespace {

static_assert(int{ERGON_NCCL_SUCCESS} == ncclSuccess && int{ERGON_NCCL_UNHANDLED_CUDA_ERROR} == ncclUnhandledCudaError);
static_assert(int{ERGON_NCCL_SYSTEM_ERROR} == ncclSystemError && int{ERGON_NCCL_INTERNAL_ERROR} == ncclInternalError);
static_assert(int{ERGON_NCCL_INVALID_ARGUMENT} == ncclInvalidArgument && int{ERGON_NCCL_INVALID_USAGE} == ncclInvalidUsage);
static_assert(int{ERGON_NCCL_REMOTE_ERROR} == ncclRemoteError && int{ERGON_NCCL_IN_PROGRESS} == ncclInProgress);
static_assert(int{ERGON_NCCL_UINT8} == ncclUint8 && int{ERGON_NCCL_INT32} == ncclInt32 && int{ERGON_NCCL_INT64} == ncclInt64);
static_assert(int{ERGON_NCCL_FLOAT16} == ncclFloat16 && int{ERGON_NCCL_FLOAT32} == ncclFloat32);
static_assert(int{ERGON_NCCL_FLOAT64} == ncclFloat64 && int{ERGON_NCCL_BFLOAT16} == ncclBfloat16);
static_assert(int{ERGON_NCCL_SUM} == ncclSum && int{ERGON_NCCL_MAX} == ncclMax && int{ERGON_NCCL_MIN} == ncclMin);
static_assert(sizeof(ErgonNcclId) == sizeof(ncclUniqueId));

ncclComm_t comm_of(ErgonNcclComm comm) { return reinterpret_cast<ncclComm_t>(comm); }
ncclDataType_t type_of(int type) { return static_cast<ncclDataType_t>(type); }
ncclRedOp_t reduction_of(int reduction) { return static_cast<ncclRedOp_t>(reduction); }

ncclConfig_t config_of(const char* name) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  config.splitShare = 0;
  config.commName = name;
  return config;
}

int comm_init_rank(ErgonNcclComm* comm, int size, const ErgonNcclId* id, int rank, const char* name) noexcept {
  ncclUniqueId unique;
  std::memcpy(&unique, id, sizeof unique);
  ncclConfig_t config = config_of(name);
  return ncclCommInitRankConfig(reinterpret_cast<ncclComm_t*>(comm), size, unique, rank, &config);
}

int comm_split(ErgonNcclComm comm, int color, int key, ErgonNcclComm* result, const char* name) noexcept {
  ncclConfig_t config = config_of(name);
  return ncclCommSplit(comm_of(comm), color, key, reinterpret_cast<ncclComm_t*>(result), &config);
}

int comm_get_async_error(ErgonNcclComm comm, int* result) noexcept {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t code = ncclCommGetAsyncError(comm_of(comm), &state);
  *result = state;
  return code;
}

int get_unique_id(ErgonNcclId* id) noexcept {
  ncclUniqueId unique;
  const ncclResult_t code = ncclGetUniqueId(&unique);
  if (code == ncclSuccess) std::memcpy(id, &unique, sizeof unique);
  return code;
}

int all_reduce(const void* send, void* receive, size_t count, int type, int reduction, ErgonNcclComm comm, ErgonStream stream) noexcept {
  return ncclAllReduce(send, receive, count, type_of(type), reduction_of(reduction), comm_of(comm), stream_of(stream));
}

int all_gather(const void* send, void* receive, size_t count, int type, ErgonNcclComm comm, ErgonStream stream) noexcept {
  return ncclAllGather(send, receive, count, type_of(type), comm_of(comm), stream_of(stream));
}

int reduce_scatter(const void* send, void* receive, size_t count, int type, int reduction, ErgonNcclComm comm,
                   ErgonStream stream) noexcept {
  return ncclReduceScatter(send, receive, count, type_of(type), reduction_of(reduction), comm_of(comm), stream_of(stream));
}

int broadcast(const void* send, void* receive, size_t count, int type, int root, ErgonNcclComm comm, ErgonStream stream) noexcept {
  return ncclBroadcast(send, receive, count, type_of(type), root, comm_of(comm), stream_of(stream));
}

int send(const void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream) noexcept {
  return ncclSend(data, count, type_of(type), peer, comm_of(comm), stream_of(stream));
}

int recv(void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream) noexcept {
  return ncclRecv(data, count, type_of(type), peer, comm_of(comm), stream_of(stream));
}

}  // namespace

const ErgonNcclTable* ergon_plugin_nccl() noexcept {
  static const ErgonNcclTable table = {
      [](int* version) -> int { return ncclGetVersion(version); },
      get_unique_id,
      comm_init_rank,
      comm_split,
      comm_get_async_error,
      [](ErgonNcclComm comm) -> int { return ncclCommFinalize(comm_of(comm)); },
      [](ErgonNcclComm comm) -> int { return ncclCommDestroy(comm_of(comm)); },
      [](ErgonNcclComm comm) -> int { return ncclCommAbort(comm_of(comm)); },
      []() -> int { return ncclGroupStart(); },
      []() -> int { return ncclGroupEnd(); },
      all_reduce,
      all_gather,
      reduce_scatter,
      broadcast,
      send,
      recv,
      [](int result) -> const char* { return ncclGetErrorString(static_cast<ncclResult_t>(result)); },
      [](ErgonNcclComm comm) -> const char* { return ncclGetLastError(comm_of(comm)); },
  };
  return &table;
}
