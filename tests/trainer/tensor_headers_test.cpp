// SPDX-License-Identifier: Apache-2.0
#include "trainer/tensor_headers.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a header is what the tensor's own method gives, and is made once") {
  const at::Tensor x = at::arange(24, at::kFloat);
  TensorHeaders headers(at::kCPU);
  const at::Tensor whole = headers.view(x, {2, 3, 4});
  CHECK(at::equal(whole, x.view({2, 3, 4})));
  CHECK(at::equal(headers.narrow(whole, 1, 1, 2), x.view({2, 3, 4}).narrow(1, 1, 2)));
  CHECK(headers.narrow(whole, 1, 1, 2).strides() == at::IntArrayRef({12, 4, 1}));
  CHECK(at::equal(headers.select(whole, 1), x.view({2, 3, 4})[1]));
  const std::size_t made = headers.size();
  CHECK(made == 3);
  CHECK(headers.view(x, {2, 3, 4}).unsafeGetTensorImpl() == whole.unsafeGetTensorImpl());
  CHECK(headers.select(whole, 1).data_ptr() == static_cast<float*>(x.data_ptr()) + 12);
  CHECK(headers.size() == made);
}

TEST_CASE("headers of one address differ by sizes, strides and type") {
  at::Tensor x = at::arange(24, at::kFloat);
  TensorHeaders headers(at::kCPU);
  const at::Tensor wide = headers.view(x, {4, 6}), narrow = headers.narrow(wide, 1, 0, 3),
                   packed = headers.over(x.data_ptr(), {4, 3}, at::kFloat);
  CHECK(narrow.sizes() == packed.sizes());
  CHECK(narrow.stride(0) == 6);
  CHECK(packed.stride(0) == 3);
  CHECK(headers.over(x.data_ptr(), {4, 3}, at::kInt).scalar_type() == at::kInt);
  narrow.fill_(0);
  CHECK(x[3].item<float>() == 3);
  CHECK(x[6].item<float>() == 0);
}

TEST_CASE("a strided view is any view that memory has") {
  const at::Tensor x = at::arange(24, at::kFloat);
  TensorHeaders headers(at::kCPU);
  const at::Tensor every_second = headers.strided(x, {2, 3}, {12, 2}, 5);
  CHECK(at::equal(every_second, x.as_strided({2, 3}, {12, 2}, 5)));
  CHECK(headers.strided(x, {2, 3}, {12, 2}, 5).unsafeGetTensorImpl() == every_second.unsafeGetTensorImpl());
}

TEST_CASE("views that do not fit are bugs") {
  const at::Tensor x = at::arange(24, at::kFloat);
  TensorHeaders headers(at::kCPU);
  CHECK_THROWS_AS(headers.view(x, {5, 5}), Bug);
  CHECK_THROWS_AS(headers.view(x.view({4, 6}).narrow(1, 0, 3), {12}), Bug);
  CHECK_THROWS_AS(headers.narrow(x, 0, 20, 5), Bug);
  CHECK_THROWS_AS(headers.narrow(x, 1, 0, 1), Bug);
  CHECK_THROWS_AS(headers.select(x, 24), Bug);
  CHECK_THROWS_AS(headers.strided(x, {2, 2}, {1}, 0), Bug);
  CHECK_THROWS_AS(headers.strided(x, {1}, {1}, -1), Bug);
  CHECK_THROWS_AS(headers.view(x, {1, 2, 3, 4, 1}), Bug);
}

TEST_CASE("callers whose sizes change all the time do not fill memory with headers") {
  const at::Tensor x = at::arange(80000, at::kByte);
  TensorHeaders headers(at::kCPU);
  for (std::int64_t n = 1; n < 80000; ++n) static_cast<void>(headers.narrow(x, 0, 0, n));
  CHECK(headers.size() <= 65536);
  CHECK(headers.narrow(x, 0, 0, 7).numel() == 7);
}
