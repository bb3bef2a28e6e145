// SPDX-License-Identifier: Apache-2.0
// Who wants to know that gradients are complete: backward announces each unit (embedding, one layer, head) once, last unit first, in the
// last microbatch of a step. What happens then (sums over dp x cp, scatter to owners) is not backward's concern.
#pragma once

namespace ergon {

class GradientSink {
 public:
  virtual ~GradientSink() = default;
  virtual void unit_ready(int unit) = 0;
};

}  // namespace ergon
