// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/dropout.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

namespace {

at::Tensor positions(std::int64_t batch, std::int64_t length) {
  at::Tensor x = at::zeros({batch, length}, at::kLong);
  for (std::int64_t i = 0; i < batch * length; ++i) x.data_ptr<std::int64_t>()[i] = i * 7 % 100;
  return x;
}

}  // namespace

TEST_CASE("emulated dropout equals the host: with residual, bias, in place, and where nothing is dropped") {
  for (const double p : {0.0, 0.3})
    for (const DropoutSite site : {DropoutSite::embedding, DropoutSite::residual_mlp}) {
      const Dropout dropout{p, 3, 17, 2, site, 5, 100};
      compare([&](const Side& s) {
        const at::Tensor x = s.input({2, 7, 11}, 1), residual = s.input({2, 7, 11}, 2), bias = s.input({11}, 3), where = positions(2, 7),
                         none;
        const at::Tensor y = s.result({2, 7, 11}), z = s.result({2, 7, 11}), w = s.input({2, 7, 11}, 4), empty = s.result({0, 7, 11});
        if (s.device) {
          s.device->dropout(y, none, x, none, where, dropout);
          s.device->dropout(z, residual, x, bias, where, dropout);
          s.device->dropout(w, w, x, none, where, dropout);
          s.device->dropout(empty, none, empty, none, positions(0, 7), dropout);
        } else {
          dropout_apply(y, x, where, dropout);
          dropout_add(z, residual, x, bias, where, dropout);
          dropout_add(w, w, x, none, where, dropout);
        }
        return std::vector<at::Tensor>{y, z, w};
      });
    }
}

TEST_CASE("emulated dropout masks are the host's, bit by bit, far out in the index space too") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const Dropout dropout{0.1, -12345, (std::int64_t{1} << 32) - 2, 1000, DropoutSite::residual_attention, std::int64_t{1} << 40, 4096};
    const at::Tensor x = at::ones({3, 100, 64}, type), here = garbage({3, 100, 64}, type), there = garbage({3, 100, 64}, type),
                     where = positions(3, 100);
    dropout_apply(here, x, where, dropout);
    device.dropout(there, at::Tensor(), x, at::Tensor(), where, dropout);
    CHECK(at::equal(here, there));
    CHECK((here == 0).sum().item<std::int64_t>() > 1500);
  }
}

TEST_CASE("emulated dropout and initial weights give the golden values of an independent implementation") {
  const char* source = std::getenv("ERGON_SOURCE");
  std::ifstream file(std::string(source ? source : ".") + "/tests/golden/philox.json");
  REQUIRE(file);
  const auto golden = nlohmann::json::parse(file);
  const ErgonKernelTable& table = *ergon_cuda_kernels();
  int count = 0;
  for (const auto& g : golden["uniforms"]) {
    const double uniform = g["uniform"], one = 1.0;
    const std::int64_t element = g["element"].get<std::int64_t>();
    // The decision flips exactly between p = uniform and the next p.
    for (const double p : {uniform, uniform + 0x1p-24}) {
      const ErgonDropout plan = device_dropout(p, g["seed"], static_cast<Stream>(g["stream"].get<int>()), g["step"], g["layer"],
                                               static_cast<DropoutSite>(g["site"].get<int>()));
      double y = -1.0;
      if (plan.threshold == 0) continue;  // nothing is dropped at p = 0
      REQUIRE(table.dropout(&y, nullptr, &one, nullptr, &element, &plan, 0, 0, 1, 1, 1, ERGON_FLOAT64, nullptr) == 0);
      CHECK((y > 0.0) == (uniform >= p));
      ++count;
    }
  }
  CHECK(count >= 8);
  for (const auto& g : golden["normals"]) {
    const PhiloxKey key = philox_key(g["seed"], Stream::init);
    const std::uint64_t hash = fnv1a(g["name"].get<std::string>());
    double x = 0.0;
    REQUIRE(table.fill_normal(&x, key[0], key[1], hash, 1, 1, 0, g["element"].get<std::int64_t>(), 1, 1.0, ERGON_FLOAT64, nullptr) == 0);
    CHECK(x == Approx(g["normal"].get<double>()).epsilon(1e-14));
  }
}
