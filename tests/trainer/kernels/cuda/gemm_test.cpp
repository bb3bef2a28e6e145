// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm.hpp"

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated products equal the host for every transpose, write mode, stride and pair of types") {
  FlopAudit audit;
  const Gemm host(audit);
  for (const Transpose ta : {Transpose::no, Transpose::yes})
    for (const Transpose tb : {Transpose::no, Transpose::yes})
      for (const Write write : {Write::overwrite, Write::accumulate})
        for (const bool wide : {false, true})
          compare([&](const Side& s) {
            const std::int64_t m = 5, n = 7, k = 9;
            const at::Tensor a = (ta == Transpose::yes ? s.input({k, m + 2}, 1).narrow(1, 1, m) : s.input({m, k + 2}, 1).narrow(1, 1, k));
            const at::Tensor b = (tb == Transpose::yes ? s.input({n, k + 3}, 2).narrow(1, 0, k) : s.input({k, n + 3}, 2).narrow(1, 0, n));
            const at::Tensor whole = wide ? s.input_a({m, n + 4}, 3) : s.input({m, n + 4}, 3), c = whole.narrow(1, 2, n);
            if (write == Write::overwrite) c.fill_(std::numeric_limits<double>::quiet_NaN());
            if (s.device)
              s.device->gemm(c, a, ta, b, tb, write);
            else
              host(c, a, ta, b, tb, write);
            return std::vector<at::Tensor>{whole};
          });
}

TEST_CASE("emulated products of one row, one column and nothing") {
  FlopAudit audit;
  const Gemm host(audit);
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{1, 5, 3}, {5, 1, 3}, {4, 4, 1}, {0, 4, 3}, {4, 0, 3}, {3, 2, 0}})
    for (const Write write : {Write::overwrite, Write::accumulate})
      compare([&, m = m, n = n, k = k](const Side& s) {
        const at::Tensor a = s.input({m, k}, 1), b = s.input({k, n}, 2), c = s.input({m, n}, 3);
        if (s.device)
          s.device->gemm(c, a, Transpose::no, b, Transpose::no, write);
        else if (k > 0)
          host(c, a, Transpose::no, b, Transpose::no, write);
        else if (write == Write::overwrite)
          c.zero_();
        return std::vector<at::Tensor>{c};
      });
}

TEST_CASE("a product of types that no kernel has, or too large for cuBLAS, is refused in words") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  CHECK_THROWS_WITH(device.gemm(normals({2, 2}, 1, at::kBFloat16), normals({2, 2}, 1, at::kFloat), Transpose::no,
                                normals({2, 2}, 1, at::kFloat), Transpose::no, Write::overwrite),
                    Catch::Contains("does not take that type"));
  ErgonGemm call{};
  call.m = call.n = std::int64_t{1} << 31;
  const ErgonKernelTable& table = *ergon_cuda_kernels();
  CHECK(std::string(table.error_text(table.gemm(nullptr, &call, nullptr))) == "a size is outside what this kernel takes");
}
