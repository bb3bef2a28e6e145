// SPDX-License-Identifier: Apache-2.0
// Gives a unit's weights for a scope; those of `next` begin to come.
#pragma once

#include "trainer/model/parameter_store.hpp"

namespace ergon {

class Acquired {
 public:
  Acquired(ParameterStore& store, int unit, int next = ParameterStore::no_unit) : store_(store), unit_(unit) {
    store_.acquire(unit_, next);
  }
  ~Acquired() { store_.release(unit_); }
  Acquired(const Acquired&) = delete;
  Acquired& operator=(const Acquired&) = delete;

 private:
  ParameterStore& store_;
  int unit_;
};

}  // namespace ergon
