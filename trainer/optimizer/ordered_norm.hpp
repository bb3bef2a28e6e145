// SPDX-License-Identifier: Apache-2.0
// The squared gradient norm of the deterministic mode: the same bits however dp x cp and ZeRO share the gradients. Squares are added in
// fp64 within fixed blocks of 65,536 elements of each parameter, in 8 lanes side by side (a vector's worth: an element's lane is its place
// in the unit modulo 8), and the blocks' sums one after another.
//
// A block that a cut goes through is summed as a relay: its owner hands the 8 lanes on to the next, who continues. Cuts lie at multiples of
// 64 bytes, so a lane is never torn.
//
// Example: one parameter of 100,000 elements over 2 owners of 50,016: blocks [0, 65536) and [65536, 100000). Owner 0 adds 50,016 squares of
// the first, hands 8 lanes on; owner 1 adds the other 15,520 and then the second block by itself.
#pragma once

#include <array>
#include <vector>

#include "parallel/communicator.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

class OrderedNorm {
 public:
  static constexpr std::int64_t block = 65536, lanes = 8;

  // `owners`: dp x cp, host tensors; both outlive this. Gradients of a device are read from it block by block.
  OrderedNorm(const ParameterStore& store, Communicator& owners);

  // This tensor rank's share: the sum over tp is the squared norm. Collective over `owners` where they share the gradients.
  double squares();

 private:
  // What lies in one block of one parameter of one piece of this rank.
  struct Fragment {
    at::Tensor elements;
    std::int64_t lane;   // of the first element
    std::int64_t block;  // its number among all blocks of counted parameters
    std::size_t bucket;
    bool begins, ends;  // the block's first and last element are here
  };
  using Lanes = std::array<double, lanes>;

  void cut(const OwnedPiece& piece, std::int64_t first_block);
  void add_squares(const Fragment& fragment, Lanes& sums) const;
  void leave(const Fragment& fragment, const Lanes& sums);

  const ParameterStore& store_;
  Communicator& owners_;
  std::vector<Fragment> begun_, continued_;  // here; by the owner before
  at::Tensor sums_;                          // by block
  at::Tensor received_, sent_;               // [buckets, lanes]
};

}  // namespace ergon
