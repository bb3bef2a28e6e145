// SPDX-License-Identifier: Apache-2.0
// What all NCCL communicators of a process share: the tables, the device, two streams, events, limits, and the way to end them all at once.
//
// Invariants:
// - Every launch comes from the thread that made the context; so its order is the order of the program, the same on every rank. Another
//   thread that launches is a Bug.
// - One thread at a time is inside NCCL: calls are made under a lock, which an abort from another thread takes first.
// - After abort_all every call throws Error (ExitCode::stuck); nothing touches an aborted communicator again.
// Handles are returned to the context; it lives (shared_ptr) as long as the last of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicators.hpp"
#include "parallel/cuda/plugin.h"

namespace ergon {

struct NcclLimits {
  Seconds start = {600};   // for a communicator to come up, or for a launch to return
  Seconds abort = {30};    // for ncclCommAbort, which can hang itself
  int attempts = 3;        // to start a communicator when the network fails
  Seconds back_off = {1};  // before the second attempt; doubled for each further one
};

class NcclComm;

// An event that goes back to its context. `timed` ones can be measured.
class DeviceEvent {
 public:
  DeviceEvent() = default;
  DeviceEvent(std::shared_ptr<class NcclContext> context, ErgonEventTiming timing);
  DeviceEvent(DeviceEvent&& other) noexcept;
  DeviceEvent& operator=(DeviceEvent&& other) noexcept;
  ~DeviceEvent();

  explicit operator bool() const { return event_ != nullptr; }
  void record(ErgonStream stream);
  bool done() const;
  // Zero when `end` came first. Both must be timed and done.
  static Seconds between(const DeviceEvent& begin, const DeviceEvent& end);
  ErgonEvent get() const { return event_; }

 private:
  std::shared_ptr<NcclContext> context_;
  ErgonEvent event_ = nullptr;
  ErgonEventTiming timing_ = ERGON_EVENT_TIMED;
};

class NcclContext : public std::enable_shared_from_this<NcclContext> {
 public:
  // `index` is the device that is current already; `type` where its tensors are (in tests the host). The tables outlive the context.
  static std::shared_ptr<NcclContext> make(const ErgonNcclTable& nccl, const ErgonDeviceTable& device, int index, at::DeviceType type,
                                           NcclLimits limits = {});
  ~NcclContext();
  NcclContext(const NcclContext&) = delete;
  NcclContext& operator=(const NcclContext&) = delete;

  // What Communicators asks for: the device's twin of a host group.
  DeviceGroup groups();

  // From any thread, for a watchdog: ncclCommAbort of every communicator, each in a thread of its own; true when all ended within `limit`.
  // The caller ends the process afterwards, whatever the answer.
  bool abort_all(Seconds limit) noexcept;

  const ErgonNcclTable& nccl() const { return nccl_; }
  const ErgonDeviceTable& device() const { return device_; }
  int index() const { return index_; }
  at::DeviceType type() const { return type_; }
  const NcclLimits& limits() const { return limits_; }
  ErgonStream stream(Traffic traffic) const { return streams_[static_cast<int>(traffic)]; }

  void check_device(int code, const char* call) const;
  void check_thread() const;
  void check_running(const std::string& group) const;  // throws when abort_all was called
  std::timed_mutex& calls() { return calls_; }

 private:
  friend class DeviceEvent;
  friend class NcclComm;
  NcclContext(const ErgonNcclTable& nccl, const ErgonDeviceTable& device, int index, at::DeviceType type, NcclLimits limits);

  const ErgonNcclTable& nccl_;
  const ErgonDeviceTable& device_;
  int index_;
  at::DeviceType type_;
  NcclLimits limits_;
  std::thread::id thread_ = std::this_thread::get_id();
  ErgonStream streams_[2] = {};             // by Traffic
  std::vector<ErgonEvent> free_events_[2];  // by ErgonEventTiming
  std::timed_mutex calls_;
  std::mutex comms_mutex_;
  std::vector<NcclComm*> comms_;
  std::atomic<bool> aborted_ = false;
};

// ATen computes on `stream` until the end of the scope.
class OnStream {
 public:
  OnStream(NcclContext& context, ErgonStream stream);
  ~OnStream();
  OnStream(const OnStream&) = delete;
  OnStream& operator=(const OnStream&) = delete;

 private:
  NcclContext& context_;
};

}  // namespace ergon
