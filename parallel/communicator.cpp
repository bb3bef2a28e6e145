// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator.hpp"

#include <cstdio>
#include <exception>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "parallel/journal.hpp"

namespace ergon {
namespace {

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

// What a group of one rank does instead of an exchange; nothing to wait for.
std::unique_ptr<Work::Request> copied(const at::Tensor& output, const at::Tensor& input) {
  output.view({-1}).copy_(input.view({-1}));
  return nullptr;
}

std::int64_t total_of(const std::vector<std::int64_t>& counts) {
  std::int64_t total = 0;
  for (std::int64_t count : counts) total += count;
  return total;
}

}  // namespace

const char* name(Collective operation) {
  constexpr const char* names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
                                   "send",       "recv",       "ring_shift",     "barrier",    "split"};
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

bool Work::wait_for(Seconds limit) {
  if (!request_) return true;
  if (request_->waiting()) request_.reset();
  const Clock::time_point end = deadline_after(limit);
  while (!query()) {
    if (Clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

Communicator::Communicator(int rank, std::string name, std::vector<int> members, at::DeviceType device)
    : rank_(rank),
      size_(static_cast<int>(members.size())),
      name_(std::move(name)),
      members_(std::move(members)),
      device_(device),
      journal_(std::make_shared<Journal>()),
      ordered_sums_(std::make_shared<std::vector<OrderedSum*>>()) {}

Communicator::~Communicator() = default;

void Communicator::observe(CommunicationObserver* observer) {
  try {
    if (std::uncaught_exceptions() == 0) settle();
  } catch (const std::exception& error) {  // observers leave in destructors; the next operation of the group throws it again
    fmt::print(stderr, "ergon: a collective failed after its owner had left it: {}\n", error.what());
  }
  journal_->observer = observer;
}

void Communicator::poll() { journal_->poll(); }

void Communicator::settle() {
  while (!journal_->poll()) std::this_thread::yield();
}

std::vector<Communicator::RequestPtr> Communicator::start_messages(const std::vector<Message>& messages) {
  std::vector<RequestPtr> requests;
  for (const Message& message : messages)
    requests.push_back(message.way == Collective::send ? start_send(message.data, message.peer, 0)
                                                       : start_recv(message.data, message.peer, 0));
  return requests;
}

Communicator::RequestPtr Communicator::start_ordered_all_reduce(at::Tensor data) {
  return OrderedSum::all_reduce(*this, std::move(data), journal_->next());
}

Communicator::RequestPtr Communicator::start_ordered_reduce_scatter(at::Tensor output, at::Tensor input) {
  return OrderedSum::reduce_scatter(*this, std::move(output), std::move(input));
}

void Communicator::record(std::shared_ptr<FlightRecord> record) {
  if (size_ == 1 || !record) return;
  journal_->flight_group = record->add_group(name_, members_);
  journal_->record = std::move(record);
}

const std::shared_ptr<FlightRecord>& Communicator::flight_record() const { return journal_->record; }

void Communicator::check_flight() const {
  if (journal_->record) journal_->record->check();
}

std::unique_ptr<Communicator> Communicator::split(int color, int key, const std::string& name) {
  const std::shared_ptr<FlightRecord>& record = journal_->record;
  const std::uint64_t flight = record ? record->open(journal_->flight_group, Collective::split, at::kByte, 0) : 0;
  if (record) record->waited_for(flight);
  std::unique_ptr<Communicator> group = make_group(color, key, name);
  if (record) record->close(flight);
  group->record(record);
  return group;
}

template <typename Start>
Work Communicator::track(const Operation& operation, const Start& start) {
  journal_->poll();
  const Clock::time_point begin = Clock::now();
  const Journal::Place place = journal_->open(name_, operation);
  RequestPtr request;
  try {
    request = start();
  } catch (...) {
    journal_->drop(place);
    throw;
  }
  if (request) {
    journal_->started(place);
    return Work(std::make_unique<Tracked>(std::move(request), *this, place, begin));
  }
  journal_->close(place, {Seconds{0}, Seconds{0}});
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
  const std::int64_t bytes = share(2 * (size_ - 1) * size_of(data), rank_, size_);
  return track({Collective::all_reduce, data.scalar_type(), data.numel(), bytes, -1, data.sizes()}, [&]() -> RequestPtr {
    if (size_ == 1) return nullptr;
    return sums_in_float32(data.scalar_type(), reduction) ? start_ordered_all_reduce(data) : start_all_reduce(data, reduction);
  });
}

Work Communicator::all_gather(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == size_ * input.numel(), "all_gather of {} elements over {} ranks into {}", input.numel(), size_,
              output.numel());
  return track({Collective::all_gather, input.scalar_type(), input.numel(), (size_ - 1) * size_of(input), -1, input.sizes()},
               [&] { return size_ > 1 ? start_all_gather(output, input) : copied(output, input); });
}

Work Communicator::reduce_scatter(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  check_reducible(input, Reduction::sum);
  ERGON_CHECK(input.numel() == size_ * output.numel(), "reduce_scatter of {} elements over {} ranks into {}", input.numel(), size_,
              output.numel());
  return track({Collective::reduce_scatter, output.scalar_type(), output.numel(), (size_ - 1) * size_of(output), -1, output.sizes()}, [&] {
    if (size_ == 1) return copied(output, input);
    return sums_in_float32(input.scalar_type(), Reduction::sum) ? start_ordered_reduce_scatter(output, input)
                                                                : start_reduce_scatter(output, input);
  });
}

Work Communicator::all_to_all(at::Tensor output, at::Tensor input) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == input.numel() && input.numel() % size_ == 0, "all_to_all of {} elements over {} ranks into {}",
              input.numel(), size_, output.numel());
  const std::int64_t part = input.numel() / size_;
  const std::int64_t bytes = (size_ - 1) * part * static_cast<std::int64_t>(input.element_size());
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(size_), part);
  return track({Collective::all_to_all, input.scalar_type(), part, bytes, -1, input.sizes()},
               [&] { return size_ > 1 ? start_all_to_all_v(output, counts, input, counts) : copied(output, input); });
}

Work Communicator::all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input, std::vector<std::int64_t> send) {
  check_pair(output, input);
  const auto ranks = static_cast<std::size_t>(size_);
  ERGON_CHECK(receive.size() == ranks && send.size() == ranks, "{} and {} counts for {} ranks", receive.size(), send.size(), size_);
  ERGON_CHECK(total_of(receive) == output.numel() && total_of(send) == input.numel(),
              "counts of {} and {} for tensors of {} and {} elements", total_of(receive), total_of(send), output.numel(), input.numel());
  const auto self = static_cast<std::size_t>(rank_);
  ERGON_CHECK(receive[self] == send[self], "rank {} sends itself {} elements and expects {}", rank_, send[self], receive[self]);
  const std::int64_t bytes = (input.numel() - send[self]) * static_cast<std::int64_t>(input.element_size());
  return track({Collective::all_to_all, input.scalar_type(), input.numel(), bytes, -1, input.sizes()},
               [&] { return size_ > 1 ? start_all_to_all_v(output, std::move(receive), input, std::move(send)) : copied(output, input); });
}

Work Communicator::broadcast(at::Tensor data, int root) {
  check_tensor(data);
  check_peer(root, false);
  const std::int64_t bytes = rank_ == root ? (size_ - 1) * size_of(data) : 0;
  return track({Collective::broadcast, data.scalar_type(), data.numel(), bytes, -1, data.sizes()},
               [&] { return size_ > 1 ? start_broadcast(data, root) : nullptr; });
}

Work Communicator::send(at::Tensor data, int peer) {
  check_tensor(data);
  check_peer(peer, true);
  return track({Collective::send, data.scalar_type(), data.numel(), size_of(data), peer, data.sizes()},
               [&] { return start_send(data, peer, 0); });
}

Work Communicator::recv(at::Tensor data, int peer) {
  check_tensor(data);
  check_peer(peer, true);
  return track({Collective::recv, data.scalar_type(), data.numel(), 0, peer, data.sizes()}, [&] { return start_recv(data, peer, 0); });
}

std::vector<Work> Communicator::start_together(const std::vector<Message>& messages) {
  journal_->poll();
  const Clock::time_point begin = Clock::now();
  std::vector<Journal::Place> places;
  for (const Message& message : messages) {
    check_tensor(message.data);
    check_peer(message.peer, true);
    ERGON_CHECK(message.way == Collective::send || message.way == Collective::recv, "{} is no message", ergon::name(message.way));
  }
  for (const Message& message : messages)
    places.push_back(
        journal_->open(name_, {message.way, message.data.scalar_type(), message.data.numel(),
                               message.way == Collective::send ? size_of(message.data) : 0, message.peer, message.data.sizes()}));
  std::vector<RequestPtr> requests;
  try {
    requests = start_messages(messages);
  } catch (...) {
    for (auto place = places.rbegin(); place != places.rend(); ++place) journal_->drop(*place);
    throw;
  }
  std::vector<Work> works;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    journal_->started(places[i]);
    works.emplace_back(std::make_unique<Tracked>(std::move(requests[i]), *this, places[i], begin));
  }
  return works;
}

Work Communicator::ring_shift(at::Tensor output, at::Tensor input, int distance) {
  check_pair(output, input);
  ERGON_CHECK(output.numel() == input.numel(), "ring_shift of {} elements into {}", input.numel(), output.numel());
  const int hops = (distance % size_ + size_) % size_;
  return track({Collective::ring_shift, input.scalar_type(), input.numel(), hops > 0 ? size_of(input) : 0, -1, input.sizes()},
               [&] { return hops > 0 ? start_ring_shift(output, input, hops) : copied(output, input); });
}

Work Communicator::barrier() {
  return track({Collective::barrier}, [&] { return size_ > 1 ? start_barrier() : nullptr; });
}

}  // namespace ergon
