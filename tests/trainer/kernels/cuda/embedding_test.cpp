// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/embedding.hpp"

#include <ATen/ops/zeros.h>

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

namespace {

at::Tensor numbers(std::int64_t count, std::int64_t factor, std::int64_t below) {
  at::Tensor x = at::zeros({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) x.data_ptr<std::int64_t>()[i] = i * i * factor % below;
  return x;
}

}  // namespace

TEST_CASE("emulated embedding equals the host on a part of the vocabulary, forward and backward") {
  for (const std::int64_t count : {0, 1, 300, 700})
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const std::int64_t first = 100, real = 101, rows = 128, width = 19;
      CAPTURE(count);
      compare([&](const Side& s) {
        const at::Tensor table = s.input({rows, width}, 1), tokens = numbers(count, 13, 257), y = s.result({count, width}),
                         dy = s.input({count, width}, 2);
        const at::Tensor dtable = write == Write::accumulate ? s.input_a({rows, width}, 3) : s.result_a({rows, width});
        if (s.device) {
          s.device->embedding_forward(y, tokens, table, first, real);
          s.device->embedding_backward(dtable, dy, tokens, first, real, write);
        } else {
          embedding_forward(y, tokens, table, first, real);
          embedding_backward(dtable, dy, tokens, first, real, write);
        }
        return std::vector<at::Tensor>{y, dtable};
      });
    }
}

TEST_CASE("emulated embedding adds the gradients of a token in token order: the host's bits") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor tokens = numbers(900, 1, 7), dy = normals({900, 33}, 1, at::kFloat), here = garbage({7, 33}, at::kFloat),
                   there = garbage({7, 33}, at::kFloat);
  embedding_backward(here, dy, tokens, 0, 7, Write::overwrite);
  device.embedding_backward(there, dy, tokens, 0, 7, Write::overwrite);
  CHECK(at::equal(here, there));
}

TEST_CASE("emulated learned positions equal the host; one outside the table gives not-a-number") {
  compare([&](const Side& s) {
    const at::Tensor table = s.input({50, 12}, 1), where = numbers(70, 3, 50), y = s.input({70, 12}, 2), dtable = s.result_a({50, 12}),
                     dy = s.input({70, 12}, 3);
    if (s.device) {
      s.device->positions_add(y, where, table);
      s.device->embedding_backward(dtable, dy, where, 0, 50, Write::overwrite);
    } else {
      positions_add(y, where, table);
      positions_backward(dtable, dy, where, Write::overwrite);
    }
    return std::vector<at::Tensor>{y, dtable};
  });
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor table = normals({5, 3}, 1), y = normals({2, 3}, 2), where = numbers(2, 5, 100);
  device.positions_add(y, where, table);
  CHECK_FALSE(y[0].isnan().any().item<bool>());
  CHECK(y[1].isnan().all().item<bool>());
}
