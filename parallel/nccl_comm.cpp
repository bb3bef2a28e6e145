// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_comm.hpp"

#include <algorithm>
#include <exception>

#include "parallel/nccl_error.hpp"

namespace ergon {

NcclAbort::NcclAbort(std::function<void()> call) {
  std::packaged_task<void()> task(std::move(call));
  future_ = task.get_future().share();
  std::thread(std::move(task)).detach();
}

NcclComm::NcclComm(std::shared_ptr<NcclContext> context, std::string group)
    : context_(std::move(context)), group_(std::move(group)), comm_(std::make_shared<std::atomic<ErgonNcclComm>>(nullptr)) {
  const std::lock_guard lock(context_->comms_mutex_);
  context_->comms_.push_back(this);
}

NcclComm::~NcclComm() {
  {
    const std::lock_guard lock(context_->comms_mutex_);
    std::erase(context_->comms_, this);
  }
  if (comm_->load() == nullptr) return;
  if (broken_ || std::uncaught_exceptions() > 0 || !finalized()) abort();
}

int NcclComm::locked(const std::function<int()>& call) {
  const std::lock_guard lock(context_->calls());
  context_->check_running(group_);  // under the lock: an abort takes the handle away under it
  return call();
}

int NcclComm::start(const std::function<int(ErgonNcclComm* result)>& call) {
  ErgonNcclComm made = nullptr;
  const int result = locked([&] { return call(&made); });
  adopt(made);
  return result;
}

int NcclComm::state() {
  int state = ERGON_NCCL_SUCCESS;
  const int result = locked([&] {
    const ErgonNcclComm comm = comm_->load();
    return comm ? context_->nccl().comm_get_async_error(comm, &state) : int{ERGON_NCCL_SUCCESS};
  });
  return result == ERGON_NCCL_SUCCESS ? state : result;
}

void NcclComm::fail(int result, const char* what) {
  Error error = nccl_error(context_->nccl(), result, comm_->load(), what, group_, ExitCode::stuck);
  if (fault_of(result) != NcclFault::local) broken_ = error;
  throw error;
}

void NcclComm::call(const char* what, const std::function<int(ErgonNcclComm comm)>& call) {
  if (broken_) throw *broken_;
  int result = locked([&] { return call(comm_->load()); });
  for (const Clock::time_point deadline = deadline_after(context_->limits().start); result == ERGON_NCCL_IN_PROGRESS; result = state()) {
    if (Clock::now() > deadline) {
      broken_ = Error(fmt::format("{} did not return within {} s", what, context_->limits().start.value), group_,
                      "another rank is stuck or dead: see its log", ExitCode::stuck);
      throw *broken_;
    }
    std::this_thread::yield();
  }
  if (fault_of(result) != NcclFault::none) fail(result, what);
}

void NcclComm::check() {
  if (broken_) throw *broken_;
  const int result = state();
  if (fault_of(result) != NcclFault::none) fail(result, "a collective under way");
}

bool NcclComm::finalized() noexcept {
  try {
    call("ncclCommFinalize", [&](ErgonNcclComm comm) { return context_->nccl().comm_finalize(comm); });
    return locked([&] { return context_->nccl().comm_destroy(comm_->exchange(nullptr)); }) == ERGON_NCCL_SUCCESS;
  } catch (const std::exception&) {
    return false;
  }
}

bool NcclComm::abort() noexcept { return begin_abort(context_->limits().abort).ended_by(deadline_after(context_->limits().abort)); }

// The thread that works with the communicator may hang inside NCCL: after half of the patience it is not waited for.
NcclAbort NcclComm::begin_abort(Seconds patience) noexcept {
  return NcclAbort([context = context_, comm = comm_, patience] {
    std::unique_lock lock(context->calls(), std::defer_lock);
    static_cast<void>(lock.try_lock_for(clock_ticks({patience.value / 2})));
    if (const ErgonNcclComm handle = comm->exchange(nullptr)) {
      if (lock.owns_lock()) lock.unlock();
      context->device().set_device(context->index());
      context->nccl().comm_abort(handle);
    }
  });
}

}  // namespace ergon
