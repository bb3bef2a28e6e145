// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/init.hpp"

#include <cmath>

#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"
#include "trainer/kernels/philox.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

ParameterStore initialized(const ModelShape& shape, int tp, int rank, std::int64_t seed, at::ScalarType dtype = at::kDouble) {
  const ModelDeclaration declared = declare_parameters(shape, tp, rank);
  ParameterStore store(declared.specs, declared.packs, dtype, at::kCPU, declared.units.units());
  initialize_parameters(store, seed);
  return store;
}

}  // namespace

TEST_CASE("init: the same weights on tp 1, 2 and 4, padding rows zero, V = 257") {
  for (const ModelShape& shape : oracle::variants()) {
    const ParameterStore one = initialized(shape, 1, 0, 5);
    oracle::Parameters global;
    for (ParameterId id = 0; id < static_cast<ParameterId>(one.specs().size()); ++id) {
      const ParameterSpec& spec = one.specs()[static_cast<std::size_t>(id)];
      global[spec.name] = one.weight(id).narrow(0, 0, spec.global_shape[0]);
    }
    for (const int tp : {1, 2, 4}) {
      for (int rank = 0; rank < tp; ++rank) {
        const ParameterStore store = initialized(shape, tp, rank, 5);
        for (ParameterId id = 0; id < static_cast<ParameterId>(store.specs().size()); ++id) {
          const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(id)];
          CAPTURE(tp, rank, spec.name);
          CHECK(oracle::max_error(store.weight(id), oracle::local_part(global.at(spec.name), spec)) == 0.0);
        }
      }
    }
  }
}

TEST_CASE("init: an element is the Philox normal of (seed, name, global index), and the spread is init_std") {
  const ModelShape shape = oracle::variants()[0];
  const ParameterStore store = initialized(shape, 1, 0, 9);
  for (ParameterId id = 0; id < static_cast<ParameterId>(store.specs().size()); ++id) {
    const ParameterSpec& spec = store.specs()[static_cast<std::size_t>(id)];
    const at::Tensor weight = store.weight(id).narrow(0, 0, spec.global_shape[0]);
    CAPTURE(spec.name);
    if (spec.init != Init::normal) {
      CHECK(weight.eq(spec.init == Init::ones ? 1.0 : 0.0).all().item<bool>());
      continue;
    }
    const std::int64_t element = 37;
    CHECK(weight.view({-1})[element].item<double>() == spec.init_std * normal(philox_key(9, Stream::init), fnv1a(spec.name), element));
    const double n = static_cast<double>(weight.numel());
    CHECK(std::abs(weight.std().item<double>() / spec.init_std - 1.0) < 5.0 / std::sqrt(2.0 * n));
    CHECK(std::abs(weight.mean().item<double>()) < 5.0 * spec.init_std / std::sqrt(n));
  }
}

TEST_CASE("init: fp32 is the rounded fp64, bfloat16 the rounded fp32, another seed is another model") {
  const ModelShape shape = oracle::variants()[0];
  const ParameterStore half = initialized(shape, 1, 0, 9, at::kBFloat16);
  const ParameterStore wide = initialized(shape, 1, 0, 9), narrow = initialized(shape, 1, 0, 9, at::kFloat),
                       other = initialized(shape, 1, 0, 10);
  CHECK(oracle::max_error(wide.weight(0).to(at::kFloat), narrow.weight(0)) == 0.0);
  CHECK(half.master(0).equal(narrow.weight(0)));
  CHECK(half.weight(0).equal(narrow.weight(0).to(at::kBFloat16)));
  CHECK(oracle::max_error(wide.weight(0), other.weight(0)) > 0.01);
}

}  // namespace ergon
