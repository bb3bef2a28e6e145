// SPDX-License-Identifier: Apache-2.0
// What a pipeline schedule drives: the layers of one chunk of one stage, for one microbatch at a time. The schedule
// (parallel/plan/pipeline_schedule.hpp) says in which order; a stage keeps what a microbatch needs between its actions, and frees it after
// backward_weight.
//
// Chunk c of stage s is part c S + s of the model. The first part reads tokens itself, the last one keeps its loss. Dims: N rows of the
// residual stream that this rank has of a microbatch, D model width.
#pragma once

#include <ATen/core/Tensor.h>

#include "parallel/plan/pipeline_schedule.hpp"

namespace ergon {

class PipelineStage {
 public:
  virtual ~PipelineStage() = default;
  // Before each forward and each backward or backward_input: which of them comes after it; null after the last. What that one needs may
  // begin to come.
  virtual void announce(const PipelineAction* next) { static_cast<void>(next); }
  // Reads x, the output of the part before, and writes y; x stays as it is until the end of this microbatch's backward. The first part gets
  // no x, the last one no y (undefined tensors).
  virtual void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) = 0;
  // d holds the gradient of y (of the last part: nothing) and receives that of x (of the first part: nothing). Its memory is the caller's
  // afterwards. A pipeline of one part gets no d.
  virtual void backward_input(int microbatch, int chunk, const at::Tensor& d_ND) = 0;
  virtual void backward_weight(int microbatch, int chunk) = 0;
  // Both, where the schedule does not part them: nothing has to be kept between the halves.
  virtual void backward(int microbatch, int chunk, const at::Tensor& d_ND) = 0;
};

}  // namespace ergon
