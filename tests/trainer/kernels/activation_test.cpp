// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/activation.hpp"

#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>

#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("gelu with its bias, forward and backward, equals autograd of the tanh form") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const bool biased : {true, false}) {
      const at::Tensor x = 3 * normals({5, 9, 37}, 1, dtype), b = normals({37}, 2, dtype), dy = normals({5, 9, 37}, 3, dtype);
      const at::Tensor xl = leaf(x);
      const at::Tensor expected = at::gelu(biased ? xl + b.to(at::kDouble) : xl, "tanh");
      expected.backward(dy.to(at::kDouble));

      const at::Tensor y = garbage(x.sizes(), dtype), dx = garbage(x.sizes(), dtype);
      gelu_forward(y, x, biased ? b : at::Tensor());
      gelu_backward(dx, dy, x, biased ? b : at::Tensor());
      CHECK(max_abs(y, expected) <= tolerance(dtype));
      CHECK(max_abs(dx, xl.grad()) <= tolerance(dtype));
      const at::Tensor in_place = dy.clone();
      gelu_backward(in_place, in_place, x, biased ? b : at::Tensor());
      CHECK(max_abs(in_place, dx) == 0.0);
    }
}

TEST_CASE("gelu stays finite far from zero") {
  const at::Tensor x = at::full({2}, -1e4, at::kFloat), y = garbage({2}, at::kFloat), dx = garbage({2}, at::kFloat),
                   one = at::full({2}, 1.0, at::kFloat);
  x.data_ptr<float>()[1] = 1e4f;
  gelu_forward(y, x, {});
  gelu_backward(dx, one, x, {});
  CHECK(y.data_ptr<float>()[0] == 0.0f);
  CHECK(y.data_ptr<float>()[1] == 1e4f);
  CHECK(dx.data_ptr<float>()[0] == 0.0f);
  CHECK(dx.data_ptr<float>()[1] == 1.0f);
}

TEST_CASE("swiglu with its bias, forward and backward, equals autograd") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const bool biased : {true, false}) {
      const std::int64_t width = 21;
      const at::Tensor packed = 2 * normals({13, 2 * width}, 1, dtype), b = normals({2 * width}, 2, dtype),
                       dy = normals({13, width}, 3, dtype);
      const at::Tensor leaf_x = leaf(packed);
      const at::Tensor z = biased ? leaf_x + b.to(at::kDouble) : leaf_x;
      const at::Tensor expected = at::silu(z.narrow(1, 0, width)) * z.narrow(1, width, width);
      expected.backward(dy.to(at::kDouble));

      const at::Tensor y = garbage({13, width}, dtype), dx = garbage(packed.sizes(), dtype);
      swiglu_forward(y, packed, biased ? b : at::Tensor());
      swiglu_backward(dx, dy, packed, biased ? b : at::Tensor());
      CHECK(max_abs(y, expected) <= tolerance(dtype));
      CHECK(max_abs(dx, leaf_x.grad()) <= tolerance(dtype));
      const at::Tensor in_place = packed.clone();
      swiglu_backward(in_place, dy, in_place, biased ? b : at::Tensor());
      CHECK(max_abs(in_place, dx) == 0.0);
    }
}

TEST_CASE("bias gradients are column sums, added or written") {
  const at::Tensor dy = normals({5, 31, 70}, 1);
  const at::Tensor db = garbage({70});
  column_sum(db, dy, Write::overwrite);
  CHECK(max_abs(db, dy.sum(at::IntArrayRef{0, 1})) <= 1e-12);
  column_sum(db, dy, Write::accumulate);
  CHECK(max_abs(db, 2 * dy.sum(at::IntArrayRef{0, 1})) <= 1e-12);
}
