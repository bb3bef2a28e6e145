// SPDX-License-Identifier: Apache-2.0
// A group of ranks and what they can do together. One interface, several backends (local threads, MPI, NCCL); passed explicitly, never
// global.
//
// Invariants:
// - Every operation is started, then polled: a start never blocks; Work::wait polls to completion, or, where a device's streams order the
// work, orders what follows behind the operation and returns. Each rank starts the operations of a group in one order.
// - Tensors are contiguous, of one dtype on all ranks, on the group's device, and are kept alive by the Work until it is done.
// - The observer sees every operation once, after it completed, in start order of that group. Bytes are summed over the group.
// - Groups of one rank: every operation is done when it returns, and is observed with 0 bytes.
// - Sums of bfloat16 and float16: an exchange of parts, a float32 sum in rank order, one rounding (parallel/ordered_sum.hpp), everywhere.
// Throws Error (ExitCode::world, where = group) for a peer that it does not have and for what the backend reports; Bug for wrong tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parallel/communication_event.hpp"

namespace ergon {

enum class Reduction { sum, max, min };

// An operation under way. Destroying an unfinished Work waits for it, except while an exception unwinds: then it is abandoned, its tensors
// stay allocated.
class Work {
 public:
  class Request {
   public:
    virtual ~Request() = default;
    virtual bool poll() = 0;  // true when done; throws Error for a failed operation
    // From now on the caller does nothing else. True: what it does next is ordered behind the operation already, so it need not stay; the
    // group polls the request until it is done.
    virtual bool waiting() { return false; }
    // After poll() was true; none: the clock of the host is good enough.
    virtual std::optional<MeasuredSeconds> measured() { return {}; }
  };

  Work() = default;  // done
  explicit Work(std::unique_ptr<Request> request) : request_(std::move(request)) {}
  Work(Work&&) noexcept = default;
  Work& operator=(Work&& other);
  ~Work();

  bool query();                  // polls once; true when done
  void wait();                   // until what the caller does next sees the result: polls, yielding the processor, or leaves it to a stream
  bool wait_for(Seconds limit);  // polls for at most `limit`; true when done

 private:
  std::unique_ptr<Request> request_;
};

class FlightRecord;
class OrderedSum;

class Communicator {
 public:
  virtual ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  const std::vector<int>& members() const { return members_; }  // world ranks in group order
  at::DeviceType device() const { return device_; }             // of the tensors it moves
  void observe(CommunicationObserver* observer);                // null: nobody; must outlive every Work. Settles first
  // From now on operations of this group, and of groups split from it later, stand in `record`, and a wait throws what it gives up with.
  void record(std::shared_ptr<FlightRecord> record);
  const std::shared_ptr<FlightRecord>& flight_record() const;  // null: none
  // Reports the operations that were left to a stream and are done by now; settle waits for all of them. Throws Error for a failed one.
  void poll();
  void settle();

  // In place. float32, float64, int64, int32, uint8; max and min too.
  Work all_reduce(at::Tensor data, Reduction reduction = Reduction::sum);
  // output: size() x input's elements, parts in rank order; input may be this rank's part of it.
  Work all_gather(at::Tensor output, at::Tensor input);
  // input: size() x output's elements.
  Work reduce_scatter(at::Tensor output, at::Tensor input);
  // Equal parts: input and output have size() parts each.
  Work all_to_all(at::Tensor output, at::Tensor input);
  // Elements for and from each peer.
  Work all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input, std::vector<std::int64_t> send);
  Work broadcast(at::Tensor data, int root);
  Work send(at::Tensor data, int peer);
  Work recv(at::Tensor data, int peer);
  // One side of a message: `way` is send or recv.
  struct Message {
    Collective way;
    at::Tensor data;
    int peer;
  };
  // A Work for each. Where launches have an order these are one, so that ranks that send to each other do not wait for each other.
  std::vector<Work> start_together(const std::vector<Message>& messages);
  // Sends `input` to rank + distance and receives `output` from rank - distance, both modulo size().
  Work ring_shift(at::Tensor output, at::Tensor input, int distance = 1);
  Work barrier();

  // Collective over this group: ranks of one color form a group ordered by key.
  std::unique_ptr<Communicator> split(int color, int key, const std::string& name);

 protected:
  Communicator(int rank, std::string name, std::vector<int> members, at::DeviceType device = at::kCPU);
  void check_flight() const;  // throws what the record gives up with: for a wait that is not a Work

  // What a backend does; called for groups of two ranks and more, with checked arguments.
  using RequestPtr = std::unique_ptr<Work::Request>;
  virtual RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) = 0;
  virtual RequestPtr start_all_gather(at::Tensor output, at::Tensor input) = 0;
  virtual RequestPtr start_reduce_scatter(at::Tensor output, at::Tensor input) = 0;
  virtual RequestPtr start_all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input,
                                        std::vector<std::int64_t> send) = 0;
  virtual RequestPtr start_broadcast(at::Tensor data, int root) = 0;
  // A pair matches by tag; within one tag in start order.
  virtual RequestPtr start_send(at::Tensor data, int peer, std::uint64_t tag) = 0;
  virtual RequestPtr start_recv(at::Tensor data, int peer, std::uint64_t tag) = 0;
  virtual std::vector<RequestPtr> start_messages(const std::vector<Message>& messages);  // here: one after the other
  virtual RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) = 0;
  virtual RequestPtr start_barrier() = 0;
  virtual std::unique_ptr<Communicator> make_group(int color, int key, const std::string& name) = 0;
  // Sums of 16-bit floats. Here: OrderedSum, moved by polling. A backend with streams does the same in stream order.
  virtual RequestPtr start_ordered_all_reduce(at::Tensor data);
  virtual RequestPtr start_ordered_reduce_scatter(at::Tensor output, at::Tensor input);

 private:
  friend class OrderedSum;
  class Journal;
  class Tracked;
  struct Operation;
  template <typename Start>  // -> RequestPtr; null: done
  Work track(const Operation& operation, const Start& start);
  void check_peer(int peer, bool other) const;
  void check_tensor(const at::Tensor& tensor) const;
  void check_pair(const at::Tensor& output, const at::Tensor& input) const;

  int rank_, size_;
  std::string name_;
  std::vector<int> members_;
  at::DeviceType device_;
  std::shared_ptr<Journal> journal_;                        // shared with the Works under way
  std::shared_ptr<std::vector<OrderedSum*>> ordered_sums_;  // under way: whoever polls one Work of the group moves all of them
};

}  // namespace ergon
