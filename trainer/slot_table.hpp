// SPDX-License-Identifier: Apache-2.0
// Which slot of the model holds which (microbatch, chunk) in flight.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/error.hpp"

namespace ergon {

class SlotTable {
 public:
  SlotTable(int slots, int microbatches, int chunks)
      : chunks_(chunks), slots_(slots), slot_of_(static_cast<std::size_t>(microbatches * chunks), -1) {
    free_.reserve(static_cast<std::size_t>(slots));
    begin_step();
  }

  // All slots are free; after a step that threw they need not be.
  void begin_step() {
    free_.clear();
    for (int slot = slots_ - 1; slot >= 0; --slot) free_.push_back(slot);
  }
  // A free slot, for this pair until it is given back.
  int take(int microbatch, int chunk) {
    ERGON_CHECK(!free_.empty(), "microbatch {} of chunk {}: all {} slots are taken", microbatch, chunk, slots_);
    const int slot = free_.back();
    free_.pop_back();
    return slot_of_[index(microbatch, chunk)] = slot;
  }
  int of(int microbatch, int chunk) const { return slot_of_[index(microbatch, chunk)]; }
  int give_back(int microbatch, int chunk) {
    free_.push_back(of(microbatch, chunk));
    return of(microbatch, chunk);
  }

 private:
  std::size_t index(int microbatch, int chunk) const { return static_cast<std::size_t>(microbatch * chunks_ + chunk); }

  int chunks_, slots_;
  std::vector<int> slot_of_, free_;
};

}  // namespace ergon
