// SPDX-License-Identifier: Apache-2.0
// Makes whole the gradients that are partial over other ranks than those of dp x cp, before they join that sum and the norm
// (PartialOver): over tp what sequence parallelism leaves of norms, biases of row-parallel products and positions, one message a unit; over
// `embedding` a tied table that the first and the last pipeline stage hold, unless its owners sum it
// (ParameterStore::twins_meet_at_owners). Parts that key/value replicas have of a gradient are summed by the layer itself.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "parallel/communicators.hpp"
#include "trainer/model/parameter_store.hpp"

namespace ergon {

class PartialSums {
 public:
  // Both outlive this.
  PartialSums(const ParameterStore& store, const Communicators& groups);

  // Once a step and unit, when its gradients of all microbatches are complete on this rank; once a microbatch, where each one's leave.
  // Collective over tp, and over `embedding` for the unit of a tied table; waits.
  void sum(int unit);

 private:
  struct Piece {
    at::Tensor gradient, in_message;
  };
  struct Unit {
    at::Tensor message;          // of all pieces; undefined: none
    std::vector<Piece> over_tp;  // gathered into one message
    std::vector<at::Tensor> over_embedding;
  };
  void plan_message(Unit& unit, const std::vector<ParameterId>& ids, const ParameterStore& store);

  Communicator &tp_, &embedding_;
  std::vector<Unit> units_;
  at::Tensor memory_;  // of messages, as long as the longest: they take turns
};

}  // namespace ergon
