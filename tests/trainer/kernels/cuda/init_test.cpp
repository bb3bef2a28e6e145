// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/init.hpp"

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

// The golden values of the generator stand in philox_test.cpp; the host is compared with them there.
TEST_CASE("emulated initial weights are the host's, bit by bit, for any box of a parameter") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Extents shape = {300, 40};
    const ShardBox box{{17, 5}, {60, 20}};
    const at::Tensor here = garbage({64, 20}, type), there = garbage({64, 20}, type);
    fill_normal(here, "layers.3.mlp.down.weight", shape, box, 0.02, 42);
    device.fill_normal(there, philox_key(42, Stream::init), fnv1a("layers.3.mlp.down.weight"), {60, 20, 17, 5, 40}, 0.02);
    CHECK(at::equal(here.narrow(0, 0, 60), there.narrow(0, 0, 60)));
    CHECK(there.narrow(0, 60, 4).isnan().all().item<bool>());  // padding stays as it is
  }
}

TEST_CASE("emulated initial weights in bfloat16 are the fp64 draw rounded once") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor wide = garbage({1, 500}, at::kDouble), narrow = garbage({1, 500}, at::kBFloat16);
  device.fill_normal(wide, philox_key(1, Stream::init), 7, {1, 500, 0, 0, 500}, 1.0);
  device.fill_normal(narrow, philox_key(1, Stream::init), 7, {1, 500, 0, 0, 500}, 1.0);
  CHECK(excess(narrow, wide) == 0.0);
  for (std::int64_t i = 0; i < 500; ++i)
    CHECK(wide.data_ptr<double>()[i] == normal(philox_key(1, Stream::init), 7, static_cast<std::uint64_t>(i)));
}
