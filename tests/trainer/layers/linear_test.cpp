// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/linear.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {
namespace {

at::Tensor empty_like_rows(std::int64_t rows, std::int64_t columns) { return at::empty({rows, columns}, at::kDouble); }

}  // namespace

TEST_CASE("linear: packed rows act as one matrix, gradients equal autograd") {
  for (const ModelShape& shape : variants()) {
    CAPTURE(describe(shape));
    LayerUnderTest test(shape);
    Rank& rank = test.rank;
    const std::string prefix = "layers.1.attention.";
    const ColumnLinear qkv(rank.declared.blocks[1].attention.qkv);
    const RowLinear output(rank.declared.blocks[1].attention.output);
    const std::int64_t columns = (shape.heads + 2 * shape.kv_heads) * shape.head_width, hidden = shape.heads * shape.head_width;
    for (const Write write : both_writes) {
      const Microbatch m(rank, write);
      const at::Tensor x = normal({30, shape.width}, 2).requires_grad_(true), dy = normal({30, columns}, 3);
      const at::Tensor h = normal({30, hidden}, 4).requires_grad_(true), dz = normal({30, shape.width}, 5);
      std::vector<at::Tensor> parts;
      for (const char* name : {"query", "key", "value"}) {
        const at::Tensor product = at::matmul(x, test.parameters.at(prefix + name + ".weight").t());
        parts.push_back(shape.biases ? product + test.parameters.at(prefix + name + ".bias") : product);
      }
      (at::cat(parts, 1) * dy).sum().backward();
      at::Tensor expected_z = at::matmul(h, test.parameters.at(prefix + "output.weight").t());
      if (shape.biases) expected_z = expected_z + test.parameters.at(prefix + "output.bias");
      (expected_z * dz).sum().backward();

      const at::Tensor y = empty_like_rows(30, columns), dx = empty_like_rows(30, shape.width), z = empty_like_rows(30, shape.width),
                       dh = empty_like_rows(30, hidden);
      qkv.forward(y, x.detach(), m.call);
      qkv.backward_input(dx, dy, m.call).wait();
      qkv.backward_weight(x.detach(), dy, m.call, write);
      output.forward(z, h.detach(), m.call).wait();
      output.backward_input(dh, dz, m.call);
      output.backward_weight(h.detach(), dz, dz, m.call, write);
      CHECK(qkv.bias_O(rank.store).defined() == shape.biases);
      CHECK(max_error(shape.biases ? y + qkv.bias_O(rank.store) : y, at::cat(parts, 1)) <= tolerance);
      CHECK(max_error(shape.biases ? z + output.bias_O(rank.store) : z, expected_z) <= tolerance);
      CHECK(max_error(dx, x.grad()) <= tolerance);
      CHECK(max_error(dh, h.grad()) <= tolerance);
    }
    CHECK(rank.gradient_error(test.parameters, prefix) <= tolerance);
  }
}

}  // namespace ergon::oracle
