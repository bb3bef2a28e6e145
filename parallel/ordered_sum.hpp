// SPDX-License-Identifier: Apache-2.0
// Sums of 16-bit floats over ranks: each rank gets its part of everybody's data (all_to_all), adds the parts in rank order in float32,
// rounds once, and, for an all_reduce, sends its part of the result to all others. Same bytes as a ring all_reduce, the same bits on every
// rank, and an error that does not grow with ranks.
//
// Part j of N elements is [floor(jN/n), floor((j+1)N/n)). The second exchange is point to point, tagged by the operation: its start depends
// on when a rank polls, so it must not take a place in the group's order of collectives.
// Ranks may wait for several sums in different orders, so polling any Work of a group moves all sums of that group.
#pragma once

#include <memory>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

// The two halves of the scheme, for a backend that orders them by a stream. Elements of each rank's part:
std::vector<std::int64_t> ordered_parts(std::int64_t total, int ranks);
// received: `ranks` parts in rank order; own = their sum in float32, rounded once.
void add_in_rank_order(const at::Tensor& received, int ranks, const at::Tensor& own);

class OrderedSum final : public Work::Request {
 public:
  // In place; `tag` differs from that of every other operation under way in the group, and is not 0.
  static std::unique_ptr<Work::Request> all_reduce(Communicator& group, at::Tensor data, std::uint64_t tag);
  static std::unique_ptr<Work::Request> reduce_scatter(Communicator& group, at::Tensor output, at::Tensor input);

  ~OrderedSum() override;

  bool poll() override;  // may be called again when done

 private:
  OrderedSum(Communicator& group, at::Tensor input, at::Tensor output, std::vector<std::int64_t> parts, std::uint64_t tag);
  void add_parts();
  void send_result();

  Communicator& group_;
  std::shared_ptr<std::vector<OrderedSum*>> siblings_;
  at::Tensor received_;              // [n x own part], in rank order
  at::Tensor own_;                   // where the sum of the own part goes
  at::Tensor result_;                // all parts; undefined for reduce_scatter
  std::vector<std::int64_t> parts_;  // element count per rank
  std::uint64_t tag_;
  std::unique_ptr<Work::Request> exchange_;
  std::vector<std::unique_ptr<Work::Request>> sends_;
};

}  // namespace ergon
