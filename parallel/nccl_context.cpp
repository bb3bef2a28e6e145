// SPDX-License-Identifier: Apache-2.0
#include "parallel/nccl_context.hpp"

#include <algorithm>
#include <utility>

#include "configs/error.hpp"
#include "parallel/communicator_nccl.hpp"
#include "parallel/nccl_comm.hpp"
#include "parallel/nccl_error.hpp"

namespace ergon {

DeviceEvent::DeviceEvent(std::shared_ptr<NcclContext> context, ErgonEventTiming timing) : context_(std::move(context)), timing_(timing) {
  std::vector<ErgonEvent>& free = context_->free_events_[timing_];
  if (free.empty()) {
    context_->check_device(context_->device().event_create(&event_, timing), "cudaEventCreate");
  } else {
    event_ = free.back();
    free.pop_back();
  }
}

DeviceEvent::DeviceEvent(DeviceEvent&& other) noexcept
    : context_(std::move(other.context_)), event_(std::exchange(other.event_, nullptr)), timing_(other.timing_) {}

DeviceEvent& DeviceEvent::operator=(DeviceEvent&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(event_, other.event_);
  std::swap(timing_, other.timing_);
  return *this;
}

DeviceEvent::~DeviceEvent() {
  if (event_) context_->free_events_[timing_].push_back(event_);
}

void DeviceEvent::record(ErgonStream stream) { context_->check_device(context_->device().event_record(event_, stream), "cudaEventRecord"); }

bool DeviceEvent::done() const {
  int done = 0;
  context_->check_device(context_->device().event_query(event_, &done), "cudaEventQuery");
  return done != 0;
}

Seconds DeviceEvent::between(const DeviceEvent& begin, const DeviceEvent& end) {
  float milliseconds = 0;
  end.context_->check_device(end.context_->device().event_elapsed(begin.event_, end.event_, &milliseconds), "cudaEventElapsedTime");
  return {std::max(0.0, static_cast<double>(milliseconds) / 1e3)};
}

NcclContext::NcclContext(const ErgonNcclTable& nccl, const ErgonDeviceTable& device, int index, at::DeviceType type, NcclLimits limits)
    : nccl_(nccl), device_(device), index_(index), type_(type), limits_(limits) {
  check_device(device_.stream_create(&streams_[static_cast<int>(Traffic::critical)], ERGON_STREAM_HIGH), "cudaStreamCreate");
  check_device(device_.stream_create(&streams_[static_cast<int>(Traffic::bulk)], ERGON_STREAM_NORMAL), "cudaStreamCreate");
}

std::shared_ptr<NcclContext> NcclContext::make(const ErgonNcclTable& nccl, const ErgonDeviceTable& device, int index, at::DeviceType type,
                                               NcclLimits limits) {
  return std::shared_ptr<NcclContext>(new NcclContext(nccl, device, index, type, limits));
}

NcclContext::~NcclContext() {
  for (const auto& events : free_events_)
    for (ErgonEvent event : events) device_.event_destroy(event);
  for (ErgonStream stream : streams_)
    if (stream) device_.stream_destroy(stream);
}

DeviceGroup NcclContext::groups() {
  return [context = shared_from_this()](std::shared_ptr<Communicator> host, const std::string& name, Traffic traffic) {
    return make_nccl_communicator(context, std::move(host), name, traffic);
  };
}

bool NcclContext::abort_all(Seconds limit) noexcept {
  aborted_ = true;
  std::vector<NcclAbort> aborts;
  {
    const std::lock_guard lock(comms_mutex_);
    for (NcclComm* comm : comms_) aborts.push_back(comm->begin_abort(limit));
  }
  const auto deadline = deadline_after(limit);
  bool ended = true;
  for (const NcclAbort& abort : aborts) ended &= abort.ended_by(deadline);
  return ended;
}

void NcclContext::check_device(int code, const char* call) const {
  if (code != ERGON_CUDA_SUCCESS) [[unlikely]]
    throw device_error(device_, code, call, fmt::format("device {}", index_));
}

void NcclContext::check_thread() const {
  ERGON_CHECK(std::this_thread::get_id() == thread_, "a collective on the device was launched from a second thread");
}

void NcclContext::check_running(const std::string& group) const {
  if (aborted_)
    throw Error("the communicators of this rank were aborted", group, "the watchdog's report names the ranks that were missing",
                ExitCode::stuck);
}

OnStream::OnStream(NcclContext& context, ErgonStream stream) : context_(context) {
  context_.check_device(context_.device().set_current_stream(stream, context_.index()), "cudaSetStream");
}

OnStream::~OnStream() { context_.device().set_current_stream(nullptr, context_.index()); }

}  // namespace ergon
