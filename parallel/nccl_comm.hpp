// SPDX-License-Identifier: Apache-2.0
// One communicator of NCCL, always non-blocking: every call is followed by polling until NCCL has taken it, within a limit.
//
// A fatal result breaks it for good: later calls throw the first Error again. Leaving the scope finalizes a whole communicator; a broken
// one, or one that an exception leaves behind, is aborted, which may cost the limit for aborts but never hangs.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "parallel/nccl_context.hpp"

namespace ergon {

// An abort under way in a thread of its own, because ncclCommAbort can hang. A hung one keeps its thread until the process ends.
class NcclAbort {
 public:
  explicit NcclAbort(std::function<void()> call);
  bool ended_by(Clock::time_point deadline) const { return future_.wait_until(deadline) == std::future_status::ready; }

 private:
  std::shared_future<void> future_;
};

class NcclComm {
 public:
  NcclComm(std::shared_ptr<NcclContext> context, std::string group);
  ~NcclComm();
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  // Calls NCCL with the handle to fill, without polling: the caller of a start watches other things too. Returns NCCL's result.
  int start(const std::function<int(ErgonNcclComm* result)>& call);
  void adopt(ErgonNcclComm made) { comm_->store(made); }  // what a call on another communicator filled
  int state();                                            // what ncclCommGetAsyncError says: success, in progress, or the failure

  // Calls NCCL and polls until the call is taken. Throws Error (ExitCode::stuck, where = group) for a failure and past the limit.
  void call(const char* what, const std::function<int(ErgonNcclComm comm)>& call);
  // Throws what has failed meanwhile on this communicator.
  void check();

  // Drops the communicator. True when NCCL was done within the limit.
  bool abort() noexcept;
  NcclAbort begin_abort(Seconds patience) noexcept;  // from any thread

  const std::string& group() const { return group_; }  // NCCL may keep its characters as the name of the communicator

 private:
  int locked(const std::function<int()>& call);
  [[noreturn]] void fail(int result, const char* what);
  bool finalized() noexcept;

  std::shared_ptr<NcclContext> context_;
  std::string group_;
  std::shared_ptr<std::atomic<ErgonNcclComm>> comm_;  // null: none, or aborted
  std::optional<Error> broken_;
};

}  // namespace ergon
