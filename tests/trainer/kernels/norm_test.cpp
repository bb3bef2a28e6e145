// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/norm.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/layer_norm.h>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("layernorm of one row, by hand") {
  // (1, 3): mean 2, variance 1, so y = (-1, 1) / sqrt(1 + 0) * w + b.
  const at::Tensor x = at::full({1, 2}, 1.0, at::kDouble), y = garbage({1, 2}), mean = garbage({1}), rstd = garbage({1});
  x.data_ptr<double>()[1] = 3.0;
  layernorm_forward(y, mean, rstd, x, at::full({2}, 2.0, at::kDouble), at::full({2}, 0.5, at::kDouble), 0.0);
  CHECK(y.data_ptr<double>()[0] == Approx(-1.5));
  CHECK(y.data_ptr<double>()[1] == Approx(2.5));
}

TEST_CASE("layernorm, forward and backward, equals autograd") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const auto& [rows, width] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 7}, {3, 64}, {150, 33}, {70, 1100}})
      for (const bool biased : {true, false}) {
        INFO(rows << " x " << width << " " << c10::toString(dtype) << " bias " << biased);
        const at::Tensor x = normals({rows, width}, 1, dtype), w = normals({width}, 2, dtype), b = normals({width}, 3, dtype),
                         dy = normals({rows, width}, 4, dtype);
        const at::Tensor xl = leaf(x), wl = leaf(w), bl = leaf(b);
        const at::Tensor expected = at::layer_norm(xl, {width}, wl, biased ? bl : at::Tensor(), 1e-5);
        expected.backward(dy.to(at::kDouble));

        const at::Tensor y = garbage({rows, width}, dtype), mean = garbage({rows}, dtype), rstd = garbage({rows}, dtype),
                         dx = garbage({rows, width}, dtype);
        const at::Tensor dw = garbage({width}, dtype), db = garbage({width}, dtype);
        layernorm_forward(y, mean, rstd, x, w, biased ? b : at::Tensor(), 1e-5);
        layernorm_backward_input(dx, dy, x, mean, rstd, w, Write::overwrite);
        layernorm_backward_weight(dw, biased ? db : at::Tensor(), dy, x, mean, rstd, Write::overwrite);
        CHECK(max_abs(y, expected) <= tolerance(dtype));
        CHECK(max_abs(dx, xl.grad()) <= 10 * tolerance(dtype));
        CHECK(max_abs(dw, wl.grad()) <= 10 * tolerance(dtype));
        if (biased) CHECK(max_abs(db, bl.grad()) <= 10 * tolerance(dtype));

        layernorm_backward_input(dx, dy, x, mean, rstd, w, Write::accumulate);
        layernorm_backward_weight(dw, biased ? db : at::Tensor(), dy, x, mean, rstd, Write::accumulate);
        CHECK(max_abs(dx, 2 * xl.grad()) <= 20 * tolerance(dtype));
        CHECK(max_abs(dw, 2 * wl.grad()) <= 20 * tolerance(dtype));
      }
}

TEST_CASE("rmsnorm, forward and backward, equals autograd") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    const std::int64_t rows = 21, width = 40;
    const at::Tensor x = normals({3, 7, width}, 1, dtype), w = normals({width}, 2, dtype), dy = normals({3, 7, width}, 4, dtype);
    const at::Tensor xl = leaf(x), wl = leaf(w);
    const at::Tensor expected = xl * ((xl * xl).mean({-1}, true) + 1e-5).rsqrt() * wl;
    expected.backward(dy.to(at::kDouble));

    const at::Tensor y = garbage({3, 7, width}, dtype), rstd = garbage({rows}, dtype), dx = garbage({3, 7, width}, dtype),
                     dw = garbage({width}, dtype);
    rmsnorm_forward(y, rstd, x, w, 1e-5);
    rmsnorm_backward_input(dx, dy, x, rstd, w, Write::overwrite);
    rmsnorm_backward_weight(dw, dy, x, rstd, w.defined() ? Write::overwrite : Write::accumulate);
    CHECK(max_abs(y, expected) <= tolerance(dtype));
    CHECK(max_abs(dx, xl.grad()) <= 10 * tolerance(dtype));
    CHECK(max_abs(dw, wl.grad()) <= 10 * tolerance(dtype));
  }
}

TEST_CASE("norm gradients have the same bits on one thread and on two, and wrong sizes are refused") {
  const int threads = at::get_num_threads();
  const at::Tensor x = normals({300, 130}, 1, at::kFloat), dy = normals({300, 130}, 2, at::kFloat), rstd = normals({300}, 3, at::kFloat);
  const at::Tensor one = garbage({130}, at::kFloat), two = garbage({130}, at::kFloat);
  at::set_num_threads(1);
  rmsnorm_backward_weight(one, dy, x, rstd, Write::overwrite);
  at::set_num_threads(2);
  rmsnorm_backward_weight(two, dy, x, rstd, Write::overwrite);
  at::set_num_threads(threads);
  CHECK(at::equal(one, two));
  CHECK_THROWS_AS(rmsnorm_forward(x, rstd, x, normals({129}, 1, at::kFloat), 1e-5), Bug);
}
