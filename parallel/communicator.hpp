// SPDX-License-Identifier: Apache-2.0
// A group of ranks and what they can do together. One interface, several backends (local threads, MPI; NCCL later); passed explicitly,
// never global.
//
// Invariants:
// - Every operation is started, then polled: a start never blocks; Work::wait polls to completion. Each rank starts the operations of a
// group in one order.
// - Tensors are contiguous, of one dtype on all ranks, and are kept alive by the Work until it is done.
// - The observer sees every operation once, after it completed, in start order of that group. Bytes are summed over the group (see
// CommunicationEvent).
// - Groups of one rank: every operation is done when it returns, and is observed with 0 bytes.
// - Sums of bfloat16 and float16: an exchange of parts, a float32 sum in rank order, one rounding (parallel/ordered_sum.hpp), whatever the
// backend. Throws Error (ExitCode::world, where = group) for a peer that the group does not have and for what the backend reports; Bug for
// tensors that do not fit.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

enum class Reduction { sum, max, min };
enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, send, recv, ring_shift, barrier };
const char* name(Collective operation);

struct CommunicationEvent {
  std::string group;  // "tp", "cp-dp", "world"
  Collective operation;
  at::ScalarType dtype;
  // Element count per peer: the whole tensor (all_reduce, broadcast, send, recv, ring_shift), one rank's part (all_gather, reduce_scatter,
  // all_to_all); of all_to_all_v everything in `input`.
  std::int64_t elements;
  // This rank's share. Summed over the group: all_reduce 2(n-1) x size; all_gather, reduce_scatter (n-1) x total; all_to_all the
  // off-diagonal blocks; broadcast (n-1) x size, booked on the root; send and ring_shift its size; recv and barrier 0.
  Bytes bytes;
  std::uint64_t sequence;  // number of the operation within its group
  Seconds seconds;         // start to completion as this rank saw it
  Seconds exposed;         // of these, spent inside wait()
};

class CommunicationObserver {
 public:
  virtual ~CommunicationObserver() = default;
  virtual void completed(const CommunicationEvent& event) = 0;
};

// An operation under way. Destroying an unfinished Work waits for it, except while an exception unwinds: then it is abandoned, its tensors
// stay allocated.
class Work {
 public:
  class Request {
   public:
    virtual ~Request() = default;
    virtual bool poll() = 0;   // true when done; throws Error for a failed operation
    virtual void waiting() {}  // from now on the caller does nothing else
  };

  Work() = default;  // done
  explicit Work(std::unique_ptr<Request> request) : request_(std::move(request)) {}
  Work(Work&&) noexcept = default;
  Work& operator=(Work&& other);
  ~Work();

  bool query();  // polls once; true when done
  void wait();   // polls until done, yielding the processor

 private:
  std::unique_ptr<Request> request_;
};

class OrderedSum;

class Communicator {
 public:
  virtual ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  void observe(CommunicationObserver* observer);  // null: nobody; must outlive every Work

  // In place. float32, float64, int64, int32, uint8; max and min too.
  Work all_reduce(at::Tensor data, Reduction reduction = Reduction::sum);
  // output: size() x input's elements, parts in rank order.
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
  // Sends `input` to rank + distance and receives `output` from rank - distance, both modulo size().
  Work ring_shift(at::Tensor output, at::Tensor input, int distance = 1);
  Work barrier();

  // Collective over this group: ranks of one color form a group ordered by key.
  virtual std::unique_ptr<Communicator> split(int color, int key, const std::string& name) = 0;

 protected:
  Communicator(int rank, int size, std::string name);

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
  virtual RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) = 0;
  virtual RequestPtr start_barrier() = 0;

 private:
  friend class OrderedSum;
  class Journal;
  class Tracked;
  Work track(RequestPtr request, Collective operation, at::ScalarType dtype, std::int64_t elements, std::int64_t bytes);
  void check_peer(int peer, bool other) const;

  int rank_, size_;
  std::string name_;
  std::shared_ptr<Journal> journal_;                        // shared with the Works under way
  std::shared_ptr<std::vector<OrderedSum*>> ordered_sums_;  // under way: whoever polls one Work of the group moves all of them
};

}  // namespace ergon
