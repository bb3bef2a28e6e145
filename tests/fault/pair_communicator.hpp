// SPDX-License-Identifier: Apache-2.0
// Two processes that one process has forked, as a group of two ranks over a socket: under mpirun the death of one ends the other, here it
// goes on, and is told so by what it waits for. Knows the operations of a save; each is done when it has started.
#pragma once

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "configs/error.hpp"
#include "parallel/communicator.hpp"

namespace ergon::test {

// Both ends, before the fork.
class Pair {
 public:
  Pair() { ERGON_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) == 0, "no sockets"); }
  ~Pair() {
    for (const int end : ends_)
      if (end >= 0) ::close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // The end of this rank; the other one is closed, or nobody would see that its process is gone.
  int take(int rank) {
    ::close(std::exchange(ends_[static_cast<std::size_t>(1 - rank)], -1));
    return ends_[static_cast<std::size_t>(rank)];
  }

 private:
  std::array<int, 2> ends_{};
};

class PairCommunicator : public Communicator {
 public:
  PairCommunicator(int rank, int socket) : Communicator(rank, "pair", {0, 1}), socket_(socket) {}

 protected:
  RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) override {
    ERGON_CHECK(data.scalar_type() == at::kLong && reduction == Reduction::max, "only the maximum of int64");
    const at::Tensor theirs = exchanged(data);
    auto* mine = data.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < data.numel(); ++i) mine[i] = std::max(mine[i], theirs.const_data_ptr<std::int64_t>()[i]);
    return {};
  }
  RequestPtr start_all_gather(at::Tensor output, at::Tensor input) override {
    const at::Tensor mine = input.clone(), theirs = exchanged(input);
    const std::int64_t part = input.numel();
    output.view(-1).narrow(0, rank() * part, part).copy_(mine.view(-1));
    output.view(-1).narrow(0, (1 - rank()) * part, part).copy_(theirs.view(-1));
    return {};
  }
  RequestPtr start_broadcast(at::Tensor data, int root) override {
    rank() == root ? give(data) : take(data);
    return {};
  }
  RequestPtr start_send(at::Tensor data, int, std::uint64_t) override { return give(data), nullptr; }
  RequestPtr start_recv(at::Tensor data, int, std::uint64_t) override { return take(data), nullptr; }
  RequestPtr start_barrier() override { return exchanged(at::zeros({1}, at::kLong)), nullptr; }

  RequestPtr start_reduce_scatter(at::Tensor, at::Tensor) override { ERGON_CHECK(false, "no save does this"); }
  RequestPtr start_all_to_all_v(at::Tensor, std::vector<std::int64_t>, at::Tensor, std::vector<std::int64_t>) override {
    ERGON_CHECK(false, "no save does this");
  }
  RequestPtr start_ring_shift(at::Tensor, at::Tensor, int) override { ERGON_CHECK(false, "no save does this"); }
  std::unique_ptr<Communicator> make_group(int, int, const std::string&) override { ERGON_CHECK(false, "no save does this"); }

 private:
  [[noreturn]] void gone() const { throw Error("the other process is gone", name(), "", ExitCode::world); }
  // A message is small: both may send first.
  void give(const at::Tensor& data) {
    const auto* bytes = static_cast<const char*>(data.const_data_ptr());
    if (::send(socket_, bytes, data.nbytes(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.nbytes())) gone();
  }
  void take(const at::Tensor& data) {
    auto* bytes = static_cast<char*>(data.mutable_data_ptr());
    if (::recv(socket_, bytes, data.nbytes(), MSG_WAITALL) != static_cast<ssize_t>(data.nbytes())) gone();
  }
  at::Tensor exchanged(const at::Tensor& mine) {
    at::Tensor theirs = at::empty_like(mine);
    give(mine);
    take(theirs);
    return theirs;
  }

  const int socket_;
};

}  // namespace ergon::test
