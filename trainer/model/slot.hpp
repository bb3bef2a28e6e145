// SPDX-License-Identifier: Apache-2.0
// What one microbatch in flight keeps from the forward of a chunk to the end of its backward.
#pragma once

#include <optional>
#include <vector>

#include "trainer/data/batch.hpp"
#include "trainer/layers/block.hpp"
#include "trainer/layers/embedding.hpp"
#include "trainer/layers/head.hpp"
#include "trainer/model/acquired.hpp"

namespace ergon {

struct Slot {
  explicit Slot(at::Device device) : arena(device), halves(device) {}

  struct Block {
    at::Tensor x_ND;  // its input
    BlockSaved saved;
  };

  Arena arena;   // from forward
  Arena halves;  // from backward_input, when the halves of backward come apart
  EmbeddingSaved embedding;
  std::vector<Block> blocks;  // by block of the stage; a slot holds those of one chunk
  HeadSaved head;
  Batch batch;  // of a forward whose backward is to come: views of its tensors do not keep them
  int chunk = 0;
  std::optional<Acquired> table;  // tied, of one stage: from the embedding's forward to the head's backward, which both read it
  enum class State : std::uint8_t { free, forward_done, input_done } state = State::free;
};

}  // namespace ergon
