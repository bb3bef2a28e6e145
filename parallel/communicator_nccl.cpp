// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_nccl.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <numeric>

#include "configs/error.hpp"
#include "parallel/nccl_bootstrap.hpp"
#include "parallel/nccl_comm.hpp"
#include "parallel/ordered_sum.hpp"

namespace ergon {
namespace {

int type_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return ERGON_NCCL_FLOAT32;
    case at::kDouble:
      return ERGON_NCCL_FLOAT64;
    case at::kHalf:
      return ERGON_NCCL_FLOAT16;
    case at::kBFloat16:
      return ERGON_NCCL_BFLOAT16;
    case at::kLong:
      return ERGON_NCCL_INT64;
    case at::kInt:
      return ERGON_NCCL_INT32;
    default:
      ERGON_CHECK(dtype == at::kByte || dtype == at::kBool, "no collective of dtype {}", c10::toString(dtype));
      return ERGON_NCCL_UINT8;
  }
}

int reduction_number(Reduction reduction) {
  return reduction == Reduction::sum ? ERGON_NCCL_SUM : reduction == Reduction::max ? ERGON_NCCL_MAX : ERGON_NCCL_MIN;
}

std::size_t count_of(const at::Tensor& tensor) { return static_cast<std::size_t>(tensor.numel()); }

// The events of an operation on its stream, and what it reads and writes until the compute stream is behind it.
class NcclRequest final : public Work::Request {
 public:
  NcclRequest(std::shared_ptr<NcclContext> context, std::shared_ptr<NcclComm> comm, ErgonStream stream, std::vector<at::Tensor> tensors)
      : context_(std::move(context)),
        comm_(std::move(comm)),
        tensors_(std::move(tensors)),
        begin_(context_, ERGON_EVENT_TIMED),
        end_(context_, ERGON_EVENT_TIMED) {
    DeviceEvent ready(context_, ERGON_EVENT_ORDER_ONLY);
    ready.record(nullptr);
    context_->check_device(context_->device().stream_wait_event(stream, ready.get()), "cudaStreamWaitEvent");
    begin_.record(stream);
  }

  void launched(ErgonStream stream) { end_.record(stream); }

  bool poll() override {
    if (done_) return true;
    comm_->check();
    done_ = end_.done();
    if (done_) tensors_.clear();
    return done_;
  }

  // The compute stream owns the tensors' memory: once it is behind the operation, they may go.
  bool waiting() override {
    waited_ = DeviceEvent(context_, ERGON_EVENT_TIMED);
    waited_.record(nullptr);
    context_->check_device(context_->device().stream_wait_event(nullptr, end_.get()), "cudaStreamWaitEvent");
    tensors_.clear();
    return true;
  }

  // A compute stream that has not come to its wait by the end of the operation does not stand still for it.
  std::optional<MeasuredSeconds> measured() override {
    MeasuredSeconds result{DeviceEvent::between(begin_, end_), {0}};
    if (waited_ && waited_.done()) result.exposed = {std::min(result.seconds.value, DeviceEvent::between(waited_, end_).value)};
    return result;
  }

 private:
  std::shared_ptr<NcclContext> context_;
  std::shared_ptr<NcclComm> comm_;
  std::vector<at::Tensor> tensors_;
  DeviceEvent begin_, end_, waited_;
  bool done_ = false;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<NcclContext> context, std::shared_ptr<Communicator> host, const std::string& name, Traffic traffic,
                   std::shared_ptr<NcclComm> comm)
      : Communicator(host->rank(), name, host->members(), context->type()),
        context_(std::move(context)),
        host_(std::move(host)),
        traffic_(traffic),
        comm_(std::move(comm)) {
    if (comm_) token_ = at::zeros({1}, at::TensorOptions(at::kFloat).device(at::Device(context_->type())));
  }

 protected:
  // The same pair for both: ranks of the new host group and of the new NCCL communicator are the same.
  std::unique_ptr<Communicator> make_group(int color, int key, const std::string& name) override {
    context_->check_thread();
    std::shared_ptr<Communicator> host = host_->split(color, key, "host-" + name);
    if (!comm_) return std::make_unique<NcclCommunicator>(context_, std::move(host), name, traffic_, nullptr);
    auto part = std::make_shared<NcclComm>(context_, name);
    ErgonNcclComm made = nullptr;
    comm_->call("ncclCommSplit", [&](ErgonNcclComm comm) { return nccl().comm_split(comm, color, key, &made, part->group().c_str()); });
    part->adopt(made);
    part->call("ncclCommSplit", [](ErgonNcclComm) { return int{ERGON_NCCL_IN_PROGRESS}; });
    if (host->size() == 1) part.reset();
    return std::make_unique<NcclCommunicator>(context_, std::move(host), name, traffic_, std::move(part));
  }

  RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) override {
    return launch({data}, "ncclAllReduce", [&](ErgonNcclComm comm) {
      void* at = data.mutable_data_ptr();
      return nccl().all_reduce(at, at, count_of(data), type_of(data.scalar_type()), reduction_number(reduction), comm, stream());
    });
  }

  RequestPtr start_all_gather(at::Tensor output, at::Tensor input) override {
    return launch({output, input}, "ncclAllGather", [&](ErgonNcclComm comm) {
      return nccl().all_gather(input.const_data_ptr(), output.mutable_data_ptr(), count_of(input), type_of(input.scalar_type()), comm,
                               stream());
    });
  }

  RequestPtr start_reduce_scatter(at::Tensor output, at::Tensor input) override {
    return launch({output, input}, "ncclReduceScatter", [&](ErgonNcclComm comm) {
      return nccl().reduce_scatter(input.const_data_ptr(), output.mutable_data_ptr(), count_of(output), type_of(output.scalar_type()),
                                   ERGON_NCCL_SUM, comm, stream());
    });
  }

  RequestPtr start_all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input,
                                std::vector<std::int64_t> send) override {
    return launch({output, input}, "ncclSend and ncclRecv",
                  [&](ErgonNcclComm comm) { return grouped(comm, exchange(output, receive, input, send)); });
  }

  RequestPtr start_broadcast(at::Tensor data, int root) override {
    return launch({data}, "ncclBroadcast", [&](ErgonNcclComm comm) {
      void* at = data.mutable_data_ptr();
      return nccl().broadcast(at, at, count_of(data), type_of(data.scalar_type()), root, comm, stream());
    });
  }

  RequestPtr start_send(at::Tensor data, int peer, std::uint64_t tag) override { return message({Collective::send, data, peer}, tag); }
  RequestPtr start_recv(at::Tensor data, int peer, std::uint64_t tag) override { return message({Collective::recv, data, peer}, tag); }

  std::vector<RequestPtr> start_messages(const std::vector<Message>& messages) override {
    context_->check_thread();
    std::vector<std::unique_ptr<NcclRequest>> started;
    for (const Message& one : messages)
      started.push_back(std::make_unique<NcclRequest>(context_, comm_, stream(), std::vector<at::Tensor>{one.data}));
    comm_->call("ncclSend and ncclRecv", [&](ErgonNcclComm comm) { return grouped(comm, messages); });
    for (const auto& request : started) request->launched(stream());
    return {std::make_move_iterator(started.begin()), std::make_move_iterator(started.end())};
  }

  RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) override {
    const int to = (rank() + distance) % size(), from = (rank() - distance + size()) % size();
    return launch({output, input}, "ncclSend and ncclRecv", [&](ErgonNcclComm comm) {
      return grouped(comm, {{Collective::send, input, to}, {Collective::recv, output, from}});
    });
  }

  RequestPtr start_barrier() override { return start_all_reduce(token_, Reduction::max); }

  // The scheme of OrderedSum, but in stream order: its second exchange is launched with the first, so that all ranks launch in one order.
  RequestPtr start_ordered_all_reduce(at::Tensor data) override {
    const at::Tensor flat = data.view({-1});
    const std::vector<std::int64_t> parts = ordered_parts(data.numel(), size());
    const std::int64_t mine = parts[static_cast<std::size_t>(rank())];
    const std::int64_t first = std::accumulate(parts.begin(), parts.begin() + rank(), std::int64_t{0});
    const at::Tensor own = flat.narrow(0, first, mine);
    return ordered_sum(flat, parts, own, {data}, [&](ErgonNcclComm comm) {
      std::vector<Message> messages;
      std::int64_t at = 0;
      for (int peer = 0; peer < size(); at += parts[static_cast<std::size_t>(peer++)]) {
        if (peer == rank()) continue;
        messages.push_back({Collective::send, own, peer});
        messages.push_back({Collective::recv, flat.narrow(0, at, parts[static_cast<std::size_t>(peer)]), peer});
      }
      return grouped(comm, messages);
    });
  }

  RequestPtr start_ordered_reduce_scatter(at::Tensor output, at::Tensor input) override {
    const std::vector<std::int64_t> parts(static_cast<std::size_t>(size()), output.numel());
    return ordered_sum(input.view({-1}), parts, output.view({-1}), {output, input}, {});
  }

 private:
  using Call = std::function<int(ErgonNcclComm comm)>;

  const ErgonNcclTable& nccl() const { return context_->nccl(); }
  ErgonStream stream() const { return context_->stream(traffic_); }

  RequestPtr launch(std::vector<at::Tensor> tensors, const char* what, const Call& call) {
    context_->check_thread();
    auto request = std::make_unique<NcclRequest>(context_, comm_, stream(), std::move(tensors));
    comm_->call(what, call);
    request->launched(stream());
    return request;
  }

  RequestPtr message(const Message& one, std::uint64_t tag) {
    ERGON_CHECK(tag == 0, "messages between devices have no tags");
    return launch({one.data}, one.way == Collective::send ? "ncclSend" : "ncclRecv", [&](ErgonNcclComm comm) { return post(comm, one); });
  }

  int post(ErgonNcclComm comm, const Message& one) const {
    const int type = type_of(one.data.scalar_type());
    if (one.way == Collective::send) return nccl().send(one.data.const_data_ptr(), count_of(one.data), type, one.peer, comm, stream());
    return nccl().recv(one.data.mutable_data_ptr(), count_of(one.data), type, one.peer, comm, stream());
  }

  // The group is ended come what may; the first failure counts.
  int grouped(ErgonNcclComm comm, const std::vector<Message>& messages) const {
    int result = nccl().group_start();
    const auto failed = [&] { return result != ERGON_NCCL_SUCCESS && result != ERGON_NCCL_IN_PROGRESS; };
    if (failed()) return result;
    for (const Message& one : messages)
      if (!failed() && one.data.numel() > 0) result = post(comm, one);
    const int ended = nccl().group_end();
    return failed() ? result : ended;
  }

  std::vector<Message> exchange(const at::Tensor& output, const std::vector<std::int64_t>& receive, const at::Tensor& input,
                                const std::vector<std::int64_t>& send) const {
    std::vector<Message> messages;
    std::int64_t from = 0, to = 0;
    for (int peer = 0; peer < size(); ++peer) {
      const std::int64_t sent = send[static_cast<std::size_t>(peer)], received = receive[static_cast<std::size_t>(peer)];
      messages.push_back({Collective::send, input.view({-1}).narrow(0, from, sent), peer});
      messages.push_back({Collective::recv, output.view({-1}).narrow(0, to, received), peer});
      from += sent;
      to += received;
    }
    return messages;
  }

  RequestPtr ordered_sum(const at::Tensor& input, const std::vector<std::int64_t>& parts, const at::Tensor& own,
                         std::vector<at::Tensor> tensors, const Call& distribute) {
    context_->check_thread();
    auto request = std::make_unique<NcclRequest>(context_, comm_, stream(), std::move(tensors));
    at::Tensor received;
    {
      const OnStream here(*context_, stream());  // the memory is this stream's
      received = at::empty({size() * own.numel()}, input.options());
    }
    const std::vector<std::int64_t> receive(parts.size(), own.numel());
    comm_->call("ncclSend and ncclRecv", [&](ErgonNcclComm comm) { return grouped(comm, exchange(received, receive, input, parts)); });
    {
      const OnStream here(*context_, stream());
      add_in_rank_order(received, size(), own);
    }
    if (distribute) comm_->call("ncclSend and ncclRecv", distribute);
    request->launched(stream());
    return request;
  }

  std::shared_ptr<NcclContext> context_;
  std::shared_ptr<Communicator> host_;
  Traffic traffic_;
  std::shared_ptr<NcclComm> comm_;  // null in a group of one rank
  at::Tensor token_;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(std::shared_ptr<NcclContext> context, std::shared_ptr<Communicator> host,
                                                     const std::string& name, Traffic traffic) {
  context->check_thread();
  std::shared_ptr<NcclComm> comm;
  if (host->size() > 1) comm = start_nccl(context, *host, name);
  return std::make_unique<NcclCommunicator>(std::move(context), std::move(host), name, traffic, std::move(comm));
}

}  // namespace ergon
