// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/ordered_norm.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "trainer/kernels/lane_sum.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

std::int64_t real_elements(const ParameterSpec& spec) { return spec.counts_here ? num_elements(spec.box.extent) : 0; }

std::int64_t num_blocks(std::int64_t elements) { return (elements + OrderedNorm::block - 1) / OrderedNorm::block; }

}  // namespace

OrderedNorm::OrderedNorm(const ParameterStore& store, Communicator& owners) : store_(store), owners_(owners) {
  std::vector<std::int64_t> first_block = {0};
  for (const ParameterSpec& spec : store.specs()) first_block.push_back(first_block.back() + num_blocks(real_elements(spec)));
  for (const OwnedPiece& piece : store.pieces())
    if (piece.counted.defined()) cut(piece, first_block[static_cast<std::size_t>(piece.id)]);
  const auto buckets = static_cast<std::int64_t>(store.ownership().buckets().size());
  const at::TensorOptions doubles = at::TensorOptions().dtype(at::kDouble);
  sums_ = at::zeros({first_block.back()}, doubles);
  received_ = at::zeros({buckets, lanes}, doubles);
  sent_ = at::zeros({buckets, lanes}, doubles);
}

void OrderedNorm::cut(const OwnedPiece& piece, std::int64_t first_block) {
  const ParameterSpec& spec = store_.specs()[static_cast<std::size_t>(piece.id)];
  const std::int64_t in_unit = store_.range(piece.id).begin - store_.unit_ranges()[static_cast<std::size_t>(spec.unit)].begin;
  const std::int64_t begin = piece.run.of_tensor.begin, end = begin + piece.counted.numel(), real = real_elements(spec);
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t number = at / block, stop = std::min({end, (number + 1) * block, real});
    const Fragment fragment{
        piece.counted.narrow(0, at - begin, stop - at), (in_unit + at) % lanes, first_block + number,
        static_cast<std::size_t>(piece.run.bucket),     at == number * block,   stop == std::min((number + 1) * block, real)};
    (fragment.begins ? begun_ : continued_).push_back(fragment);
    at = stop;
  }
}

void OrderedNorm::add_squares(const Fragment& fragment, Lanes& sums) const {
  const std::int64_t n = fragment.elements.numel();
  dispatch(fragment.elements, [&](auto zero) {
    using T = decltype(zero);
    const T* x = data<T>(fragment.elements, n);
    double* partial = sums.data();
    vectorised([&] {
      const auto square = [x](std::int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); };
      std::int64_t i = 0;
      for (std::int64_t lane = fragment.lane; lane % lanes != 0 && i < n; ++i, ++lane) partial[lane] += square(i);
      for (; i + lanes <= n; i += lanes) {
#pragma omp simd
        for (std::int64_t lane = 0; lane < lanes; ++lane) partial[lane] += square(i + lane);
      }
      for (std::int64_t lane = 0; i < n; ++i, ++lane) partial[lane] += square(i);
    });
  });
}

void OrderedNorm::leave(const Fragment& fragment, const Lanes& sums) {
  if (fragment.ends)
    sums_.data_ptr<double>()[fragment.block] = pairwise_sum<static_cast<int>(lanes)>(sums.data());
  else
    std::copy(sums.begin(), sums.end(), sent_.data_ptr<double>() + fragment.bucket * lanes);
}

double OrderedNorm::squares() {
  // On a CPU these are the same tensors; what lies on a device is read by the thread that drives it.
  const auto on_host = [](std::vector<Fragment> fragments) {
    for (Fragment& fragment : fragments) fragment.elements = fragment.elements.to(at::kCPU);
    return fragments;
  };
  const std::vector<Fragment> begun = on_host(begun_), continued = on_host(continued_);
  std::fill_n(sums_.data_ptr<double>(), sums_.numel(), 0.0);
  at::parallel_for(0, std::ssize(begun), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Lanes sums = {};
      add_squares(begun[static_cast<std::size_t>(i)], sums);
      leave(begun[static_cast<std::size_t>(i)], sums);
    }
  });
  if (store_.stage() != ZeroStage::none) {
    if (owners_.rank() > 0) owners_.recv(received_, owners_.rank() - 1).wait();
    for (const Fragment& fragment : continued) {
      Lanes sums;
      std::copy_n(received_.data_ptr<double>() + fragment.bucket * lanes, lanes, sums.begin());
      add_squares(fragment, sums);
      leave(fragment, sums);
    }
    if (owners_.rank() + 1 < owners_.size()) owners_.send(sent_, owners_.rank() + 1).wait();
    owners_.all_reduce(sums_).wait();  // each sum is on one rank, zero on the others: no rounding
  }
  double total = 0.0;
  for (std::int64_t i = 0; i < sums_.numel(); ++i) total += sums_.data_ptr<double>()[i];
  return total;
}

}  // namespace ergon
