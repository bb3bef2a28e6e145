// SPDX-License-Identifier: Apache-2.0
#include "parallel/ordered_sum.hpp"

#include <ATen/ops/empty.h>

#include <numeric>

namespace ergon {
namespace {

std::int64_t first_of(const std::vector<std::int64_t>& parts, int rank) {
  return std::accumulate(parts.begin(), parts.begin() + rank, std::int64_t{0});
}

}  // namespace

std::vector<std::int64_t> ordered_parts(std::int64_t total, int ranks) {
  std::vector<std::int64_t> parts;
  for (std::int64_t j = 0; j < ranks; ++j) parts.push_back((j + 1) * total / ranks - j * total / ranks);
  return parts;
}

void add_in_rank_order(const at::Tensor& received, int ranks, const at::Tensor& own) {
  const at::Tensor parts = received.view({ranks, own.numel()});
  at::Tensor sum = parts.select(0, 0).to(at::kFloat);
  for (int rank = 1; rank < ranks; ++rank) sum.add_(parts.select(0, rank));
  own.copy_(sum);
}

OrderedSum::OrderedSum(Communicator& group, at::Tensor input, at::Tensor output, std::vector<std::int64_t> parts, std::uint64_t tag)
    : group_(group), siblings_(group.ordered_sums_), own_(std::move(output)), parts_(std::move(parts)), tag_(tag) {
  const std::int64_t own = parts_[static_cast<std::size_t>(group.rank())];
  received_ = at::empty({group.size() * own}, input.options());
  siblings_->push_back(this);
  exchange_ = group.start_all_to_all_v(received_, std::vector<std::int64_t>(parts_.size(), own), std::move(input), parts_);
}

OrderedSum::~OrderedSum() { std::erase(*siblings_, this); }

std::unique_ptr<Work::Request> OrderedSum::all_reduce(Communicator& group, at::Tensor data, std::uint64_t tag) {
  std::vector<std::int64_t> parts = ordered_parts(data.numel(), group.size());
  at::Tensor flat = data.view({-1});
  at::Tensor own = flat.narrow(0, first_of(parts, group.rank()), parts[static_cast<std::size_t>(group.rank())]);
  std::unique_ptr<OrderedSum> sum(new OrderedSum(group, flat, own, std::move(parts), tag));
  sum->result_ = std::move(flat);
  return sum;
}

std::unique_ptr<Work::Request> OrderedSum::reduce_scatter(Communicator& group, at::Tensor output, at::Tensor input) {
  std::vector<std::int64_t> parts(static_cast<std::size_t>(group.size()), output.numel());
  return std::unique_ptr<Work::Request>(new OrderedSum(group, input.view({-1}), output.view({-1}), std::move(parts), 0));
}

bool OrderedSum::poll() {
  if (exchange_) {
    if (!exchange_->poll()) return false;
    exchange_.reset();
    add_parts();
    if (result_.defined()) send_result();
  }
  while (!sends_.empty() && sends_.back()->poll()) sends_.pop_back();
  return sends_.empty();
}

void OrderedSum::add_parts() {
  add_in_rank_order(received_, group_.size(), own_);
  received_.reset();
}

void OrderedSum::send_result() {
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (rank == group_.rank()) continue;
    sends_.push_back(group_.start_send(own_, rank, tag_));
    sends_.push_back(group_.start_recv(result_.narrow(0, first_of(parts_, rank), parts_[static_cast<std::size_t>(rank)]), rank, tag_));
  }
}

}  // namespace ergon
