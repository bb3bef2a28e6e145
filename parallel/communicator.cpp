// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator.hpp"

#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <optional>
#include <thread>

#include "configs/error.hpp"
#include "parallel/ordered_sum.hpp"

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;

Seconds between(Clock::time_point begin, Clock::time_point end) { return {std::chrono::duration<double>(end - begin).count()}; }

std::int64_t size_of(const at::Tensor& tensor) { return tensor.numel() * static_cast<std::int64_t>(tensor.element_size()); }

bool sums_in_float32(at::ScalarType dtype, Reduction reduction) {
  return reduction == Reduction::sum && (dtype == at::kBFloat16 || dtype == at::kHalf);
}

void check_reducible(const at::Tensor& tensor, Reduction reduction) {
  const at::ScalarType t = tensor.scalar_type();
  ERGON_CHECK(t == at::kFloat || t == at::kDouble || t == at::kLong || t == at::kInt || t == at::kByte || sums_in_float32(t, reduction),
              "no reduction over ranks of dtype {}", c10::toString(t));
}

// Part `rank` of `total` so that the parts of all ranks add up to it exactly.
std::int64_t share(std::int64_t total, int rank, int size) {
  const std::int64_t whole = total / size, rest = total % size;
  return whole + (rank < rest ? 1 : 0);
}

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  std::int64_t total = 0;
  for (std::int64_t count : counts) total += count;
  return total;
}

}  // namespace

const char* name(Collective operation) {
  constexpr const char* names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
                                   "send",       "recv",       "ring_shift",     "barrier"};
  return names[static_cast<std::size_t>(operation)];
}

Work& Work::operator=(Work&& other) {
  if (this != &other) {
    wait();
    request_ = std::move(other.request_);
  }
  return *this;
}

Work::~Work() {
  if (!request_ || std::uncaught_exceptions() > 0) return;
  try {
    wait();
  } catch (const std::exception& error) {
    fmt::print(stderr, "ergon: a collective failed after its owner had left it: {}\n", error.what());
  }
}

bool Work::query() {
  if (request_ && request_->poll()) request_.reset();
  return !request_;
}

void Work::wait() {
  if (!request_) return;
  if (request_->waiting()) request_.reset();
  while (!query()) std::this_thread::yield();
}

// Events wait here until every earlier operation of the group is complete, so that observers see start order; requests that were left to
// a stream wait here until they are done.
class Communicator::Journal {
 public:
  std::uint64_t open(CommunicationEvent event) {
    event.sequence = first_ + entries_.size();
    entries_.push_back({std::move(event), false});
    return entries_.back().event.sequence;
  }

  void close(std::uint64_t sequence, MeasuredSeconds measured) {
    Entry& entry = entries_[sequence - first_];
    entry.event.seconds = measured.seconds;
    entry.event.exposed = measured.exposed;
    entry.done = true;
    while (!entries_.empty() && entries_.front().done) {
      const CommunicationEvent event = std::move(entries_.front().event);
      entries_.pop_front();
      ++first_;
      if (observer) observer->completed(event);
    }
  }

  // Takes over a request whose caller has gone on.
  void leave(std::uint64_t sequence, RequestPtr request) { left_.emplace_back(sequence, std::move(request)); }

  // The requests of a group end in start order. True when none is left.
  bool poll() {
    while (!left_.empty() && left_.front().second->poll()) {
      const auto [sequence, request] = std::move(left_.front());
      left_.pop_front();
      close(sequence, request->measured().value_or(MeasuredSeconds{{0}, {0}}));
    }
    return left_.empty();
  }

  std::uint64_t next() const { return first_ + entries_.size(); }

  CommunicationObserver* observer = nullptr;

 private:
  struct Entry {
    CommunicationEvent event;
    bool done;
  };
  std::deque<Entry> entries_;
  std::deque<std::pair<std::uint64_t, RequestPtr>> left_;
  std::uint64_t first_ = 0;
};

// A backend's request with a stop-watch.
class Communicator::Tracked final : public Work::Request {
 public:
  Tracked(RequestPtr request, const Communicator& group, std::uint64_t sequence)
      : request_(std::move(request)),
        journal_(group.journal_),
        ordered_sums_(group.ordered_sums_),
        sequence_(sequence),
        start_(Clock::now()) {}

  bool poll() override {
    for (OrderedSum* sum : *ordered_sums_) sum->poll();
    if (!request_->poll()) return false;
    const Clock::time_point end = Clock::now();
    const MeasuredSeconds host = {between(start_, end), wait_start_ ? between(*wait_start_, end) : Seconds{0}};
    journal_->close(sequence_, request_->measured().value_or(host));
    return true;
  }

  bool waiting() override {
    wait_start_ = Clock::now();
    if (!request_->waiting()) return false;
    journal_->leave(sequence_, std::move(request_));
    return true;
  }

 private:
  RequestPtr request_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<std::vector<OrderedSum*>> ordered_sums_;
  std::uint64_t sequence_;
  Clock::time_point start_;
  std::optional<Clock::time_point> wait_start_;
};

Communicator::Communicator(int rank, int size, std::string name, at::DeviceType device)
    : rank_(rank),
      size_(size),
      name_(std::move(name)),
      device_(device),
      journal_(std::make_shared<Journal>()),
      ordered_sums_(std::make_shared<std::vector<OrderedSum*>>()) {}

Communicator::~Communicator() = default;

void Communicator::observe(CommunicationObserver* observer) {
  settle();
  journal_->observer = observer;
}

void Communicator::poll() { journal_->poll(); }

void Communicator::settle() {
  while (!journal_->poll()) std::this_thread::yield();
}

Communicator::RequestPtr Communicator::start_ordered_all_reduce(at::Tensor data) {
  return OrderedSum::all_reduce(*this, std::move(data), journal_->next() + 1);
}

Communicator::RequestPtr Communicator::start_ordered_reduce_scatter(at::Tensor output, at::Tensor input) {
  return OrderedSum::reduce_scatter(*this, std::move(output), std::move(input));
}

Work Communicator::track(RequestPtr request, Collective operation, at::ScalarType dtype, std::int64_t elements, std::int64_t bytes) {
  journal_->poll();
  const std::uint64_t sequence = journal_->open({name_, operation, dtype, elements, Bytes{bytes}, 0, Seconds{0}, Seconds{0}});
  if (request) return Work(std::make_unique<Tracked>(std::move(request), *this, sequence));
  journal_->close(sequence, {Seconds{0}, Seconds{0}});
  return {};
}

void Communicator::check_tensor(const at::Tensor& tensor) const {
  ERGON_CHECK(tensor.defined() && tensor.is_contiguous(), "a communicator takes contiguous tensors");
  ERGON_CHECK(tensor.device().type() == device_, "a tensor on {} for group {}, which moves tensors on {}", tensor.device().str(), name_,
              c10::DeviceTypeName(device_, true));
}

void Communicator::check_pair(const at::Tensor& output, const at::Tensor& input) const {
  check_tensor(output);
  check_tensor(input);
  ERGON_CHECK(output.scalar_type() == input.scalar_type(), "output and input of two dtypes");
}

void Communicator::check_peer(int peer, bool other) const {
  if (peer < 0 || peer >= size_)
    throw Error(fmt::format("rank {} is not in a group of {} ranks", peer, size_), name_,
                fmt::format("ranks of this group are 0 to {}", size_ - 1), ExitCode::world);
  if (other && peer == rank_)
    throw Error(fmt::format("rank {} cannot send to or receive from itself", peer), name_, "copy the tensor", ExitCode::world);
}

Work Communicator::all_reduce(at::Tensor data, Reduction reduction) {
  check_tensor(data);
  check_reducible(data, reduction);
  RequestPtr request;
  if (size_ > 1)
    request = sums_in_float32(data.scalar_type(), reduction) ? start_ordered_all_reduce(data) : start_all_reduce(data, reduction);
  return track(std::move(request), Collective::all_reduce, data.scalar_type(), data.numel(),
               share(2 * (size_ - 1) * size_of(data), rank_, size_));
}

Work Communicator::all_gather(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == size_ * input.numel(), "all_gather of {} elements over {} ranks into {}", input.numel(), size_,
              output.numel());
  RequestPtr request;
  if (size_ > 1)
    request = start_all_gather(output, input);
  else
    output.view({-1}).copy_(input.view({-1}));
  return track(std::move(request), Collective::all_gather, input.scalar_type(), input.numel(), (size_ - 1) * size_of(input));
}

Work Communicator::reduce_scatter(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  check_reducible(input, Reduction::sum);
  ERGON_CHECK(input.numel() == size_ * output.numel(), "reduce_scatter of {} elements over {} ranks into {}", input.numel(), size_,
              output.numel());
  RequestPtr request;
  if (size_ == 1)
    output.view({-1}).copy_(input.view({-1}));
  else
    request = sums_in_float32(input.scalar_type(), Reduction::sum) ? start_ordered_reduce_scatter(output, input)
                                                                   : start_reduce_scatter(output, input);
  return track(std::move(request), Collective::reduce_scatter, output.scalar_type(), output.numel(), (size_ - 1) * size_of(output));
}

Work Communicator::all_to_all(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == input.numel() && input.numel() % size_ == 0, "all_to_all of {} elements over {} ranks into {}",
              input.numel(), size_, output.numel());
  const std::int64_t part = input.numel() / size_;
  RequestPtr request;
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(size_), part);
  if (size_ > 1)
    request = start_all_to_all_v(output, counts, input, counts);
  else
    output.view({-1}).copy_(input.view({-1}));
  const std::int64_t bytes = (size_ - 1) * part * static_cast<std::int64_t>(input.element_size());
  return track(std::move(request), Collective::all_to_all, input.scalar_type(), part, bytes);
}

Work Communicator::all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input, std::vector<std::int64_t> send) {
  check_pair(output, input);
  const auto ranks = static_cast<std::size_t>(size_);
  ERGON_CHECK(receive.size() == ranks && send.size() == ranks, "{} and {} counts for {} ranks", receive.size(), send.size(), size_);
  ERGON_CHECK(sum(receive) == output.numel() && sum(send) == input.numel(), "counts of {} and {} for tensors of {} and {} elements",
              sum(receive), sum(send), output.numel(), input.numel());
  const auto self = static_cast<std::size_t>(rank_);
  ERGON_CHECK(receive[self] == send[self], "rank {} sends itself {} elements and expects {}", rank_, send[self], receive[self]);
  const std::int64_t bytes = (input.numel() - send[self]) * static_cast<std::int64_t>(input.element_size());
  RequestPtr request;
  if (size_ > 1)
    request = start_all_to_all_v(output, std::move(receive), input, std::move(send));
  else
    output.view({-1}).copy_(input.view({-1}));
  return track(std::move(request), Collective::all_to_all, input.scalar_type(), input.numel(), bytes);
}

Work Communicator::broadcast(at::Tensor data, int root) {
  check_tensor(data);
  check_peer(root, false);
  RequestPtr request;
  if (size_ > 1) request = start_broadcast(data, root);
  return track(std::move(request), Collective::broadcast, data.scalar_type(), data.numel(),
               rank_ == root ? (size_ - 1) * size_of(data) : 0);
}

Work Communicator::send(at::Tensor data, int peer) {
  check_tensor(data);
  check_peer(peer, true);
  return track(start_send(data, peer, 0), Collective::send, data.scalar_type(), data.numel(), size_of(data));
}

Work Communicator::recv(at::Tensor data, int peer) {
  check_tensor(data);
  check_peer(peer, true);
  return track(start_recv(data, peer, 0), Collective::recv, data.scalar_type(), data.numel(), 0);
}

Work Communicator::ring_shift(at::Tensor output, at::Tensor input, int distance) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == input.numel(), "ring_shift of {} elements into {}", input.numel(), output.numel());
  const int hops = (distance % size_ + size_) % size_;
  RequestPtr request;
  if (hops > 0)
    request = start_ring_shift(output, input, hops);
  else
    output.view({-1}).copy_(input.view({-1}));
  return track(std::move(request), Collective::ring_shift, input.scalar_type(), input.numel(), hops > 0 ? size_of(input) : 0);
}

Work Communicator::barrier() { return track(size_ > 1 ? start_barrier() : nullptr, Collective::barrier, at::kByte, 0, 0); }

}  // namespace ergon
