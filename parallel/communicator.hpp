// SPDX-License-Identifier: Apache-2.0
// A group of ranks and what they can do together. One interface, several backends (local threads, MPI; NCCL later); passed explicitly, never global.
//
// Invariants:
// - Every operation is started, then polled: a start never blocks; Work::wait polls to completion. Each rank starts the operations of a group in one order.
// - Tensors are contiguous, of one dtype on all ranks, and are kept alive by the Work until it is done.
// - The observer sees every operation once, when it completes, in start order of that group. Bytes are summed over the group (see CommunicationEvent).
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
  std::string group;           // "tp", "cp-dp", "world"
  Collective operation;
  at::ScalarType dtype;
  std::int64_t elements;       // element count per peer: the whole tensor (all_reduce, broadcast, send, recv, ring_shift), one rank's part (all_gather, reduce_scatter, all_to_all)
  Bytes bytes;                 // this rank's share; summed over the group it is: all_reduce 2(n-1) x size; all_gather, reduce_scatter (n-1) x total; all_to_all the off-diagonal blocks; send its size
  std::uint64_t sequence;      // number of the operation within its group
  Seconds seconds;             // start to completion as this rank saw it
  Seconds exposed;             // of these, spent inside wait()
};

class CommunicationObserver {
 public:
  virtual ~CommunicationObserver() = default;
  virtual void completed(const CommunicationEvent& event) = 0;
};

// An operation under way. Destroying an unfinished Work waits for it, except while an exception unwinds.
class Work {
 public:
  class Request {
   public:
    virtual ~Request() = default;
    virtual bool poll() = 0;  // true when done; throws Error for a failed operation
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

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  void observe(CommunicationObserver* observer) { observer_ = observer; }  // null: nobody; must outlive every Work

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
  Communicator(int rank, int size, std::string name) : rank_(rank), size_(size), name_(std::move(name)) {}

  using RequestPtr = std::unique_ptr<Work::Request>;
  virtual RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) = 0;
  virtual RequestPtr start_all_gather(at::Tensor output, at::Tensor input) = 0;
  virtual RequestPtr start_reduce_scatter(at::Tensor output, at::Tensor input) = 0;
  virtual RequestPtr start_all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input, std::vector<std::int64_t> send) = 0;
  virtual RequestPtr start_broadcast(at::Tensor data, int root) = 0;
  virtual RequestPtr start_send(at::Tensor data, int peer) = 0;
  virtual RequestPtr start_recv(at::Tensor data, int peer) = 0;
  virtual RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) = 0;
  virtual RequestPtr start_barrier() = 0;

 private:
  Work track(RequestPtr request, Collective operation, const at::Tensor& data, std::int64_t elements, Bytes bytes);

  int rank_, size_;
  std::string name_;
  CommunicationObserver* observer_ = nullptr;
  std::uint64_t sequence_ = 0;
};

}  // namespace ergon
