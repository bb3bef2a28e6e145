// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/parameter_store.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

ParameterSpec spec(const std::string& name, Extents shape, int unit) {
  return {.name = name, .kind = "matrix", .global_shape = shape, .box = whole(shape), .local_shape = shape, .unit = unit};
}

// Unit 0: a [3, 2]; unit 1: b [2, 3] and c [1, 3] packed, d [5].
ParameterStore small() {
  return ParameterStore({spec("a", {3, 2}, 0), spec("b", {2, 3}, 1), spec("c", {1, 3}, 1), spec("d", {5}, 1)}, {{1, 2}}, at::kFloat,
                        at::kCPU, 2);
}

}  // namespace

TEST_CASE("parameter store: units are contiguous and start 64-byte aligned, packs have no gap") {
  const ParameterStore store = small();
  CHECK(store.num_units() == 2);
  CHECK(store.range(0) == ElementRange{0, 6});
  CHECK(store.unit_ranges()[0] == ElementRange{0, 16});  // 16 floats are 64 bytes
  CHECK(store.range(1) == ElementRange{16, 22});
  CHECK(store.range(2) == ElementRange{22, 25});
  CHECK(store.range(3) == ElementRange{32, 37});
  CHECK(store.unit_ranges()[1] == ElementRange{16, 48});
  CHECK(store.flat_parameters().numel() == 48);
  CHECK(store.flat_parameters().abs().sum().item<float>() == 0.0F);
}

TEST_CASE("parameter store: weights, gradients and packs are views of the flat buffers") {
  const ParameterStore store = small();
  store.packed_weight(1, 2).fill_(2.0);
  store.packed_gradient(1, 2)[2].fill_(5.0);
  CHECK(store.packed_weight(1, 2).sizes() == at::IntArrayRef({3, 3}));
  CHECK(store.weight(2).sum().item<float>() == 6.0F);
  CHECK(store.gradient(2).sum().item<float>() == 15.0F);
  CHECK(store.gradient(1).sum().item<float>() == 0.0F);
  CHECK(store.flat_parameters().sum().item<float>() == 18.0F);
  CHECK(store.weight(3).data_ptr() == store.flat_parameters().data_ptr<float>() + 32);
}

TEST_CASE("parameter store: in bfloat16 masters and gradients are float, and rounding masters makes the weights") {
  ParameterStore store({spec("a", {3, 2}, 0), spec("b", {5}, 1)}, {}, at::kBFloat16, at::kCPU, 2);
  CHECK(store.dtype() == at::kBFloat16);
  CHECK(store.accumulator() == at::kFloat);
  CHECK(store.gradient(0).scalar_type() == at::kFloat);
  CHECK(store.range(1).begin == 32);  // 32 bfloat16 are 64 bytes
  store.master(1).fill_(1.0 + 1.0 / 512);
  store.weight(0).fill_(3.0);
  store.round_masters();
  CHECK(store.weight(1).scalar_type() == at::kBFloat16);
  CHECK(store.weight(1).sum().item<double>() == 5.0);
  CHECK(store.weight(0).sum().item<double>() == 0.0);
  CHECK(store.flat_parameters().sum().item<double>() > 5.0);

  const ParameterStore wide = small();
  CHECK(wide.flat_weights().data_ptr() == wide.flat_parameters().data_ptr());
}

TEST_CASE("parameter store: misuse is a bug") {
  CHECK_THROWS_AS(small().packed_weight(0, 1), Bug);  // no pack
  CHECK_THROWS_AS(small().acquire(2), Bug);
  CHECK_THROWS_AS(small().release(-1), Bug);
  CHECK_THROWS_AS(ParameterStore({spec("a", {1}, 1)}, {}, at::kFloat, at::kCPU, 2), Bug);                           // unit 0 is missing
  CHECK_THROWS_AS(ParameterStore({spec("a", {1}, 0)}, {}, at::kFloat, at::kCPU, 2), Bug);                           // unit 1 is missing
  CHECK_THROWS_AS(ParameterStore({spec("a", {1}, 0), spec("b", {1}, 1)}, {{0, 1}}, at::kFloat, at::kCPU, 2), Bug);  // pack across units
  CHECK_THROWS_AS(ParameterStore({spec("a", {1}, 0), spec("b", {1}, 0)}, {{1, 0}}, at::kFloat, at::kCPU, 1), Bug);  // pack out of order
}

}  // namespace ergon
