// SPDX-License-Identifier: Apache-2.0
// What a pipeline schedule drives: the layers of one chunk of one stage, for one microbatch at a time. The schedule
// (parallel/plan/pipeline_schedule.hpp) says in which order; a stage keeps what a microbatch needs between its actions, and frees it after
// backward_weight.
//
// Dims: B samples of a microbatch, T positions of this rank, D model width.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

class PipelineStage {
 public:
  virtual ~PipelineStage() = default;
  // The first chunk of the model takes no input (undefined tensor) and reads tokens itself; the last returns an undefined tensor and keeps
  // its loss.
  virtual at::Tensor forward(int microbatch, int chunk, const at::Tensor& x_BTD) = 0;
  // dy is undefined for the last chunk; returns dx, undefined for the first.
  virtual at::Tensor backward_input(int microbatch, int chunk, const at::Tensor& dy_BTD) = 0;
  virtual void backward_weight(int microbatch, int chunk) = 0;
};

}  // namespace ergon
