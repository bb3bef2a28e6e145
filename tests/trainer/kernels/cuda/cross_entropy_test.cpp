// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/cross_entropy.hpp"

#include <ATen/ops/zeros.h>

#include "tests/trainer/kernels/cuda/emulated.hpp"
#include "trainer/data/batch.hpp"

using namespace ergon;
using namespace ergon::emulated;

namespace {

// Labels over [0, 2 real) with ignored rows between.
at::Tensor labels(std::int64_t rows, std::int64_t real) {
  at::Tensor x = at::zeros({rows}, at::kLong);
  for (std::int64_t r = 0; r < rows; ++r) x.data_ptr<std::int64_t>()[r] = r % 4 == 1 ? ignored_label : r * 31 % (2 * real);
  return x;
}

}  // namespace

TEST_CASE("emulated cross-entropy equals the host on both tensor ranks of a padded vocabulary of 257") {
  for (const auto& [first, real, columns] : {std::array<std::int64_t, 3>{0, 257, 384}, {129, 128, 129}, {0, 3, 3}}) {
    for (const std::int64_t rows : {0, 1, 9}) {
      CAPTURE(first, real, columns, rows);
      compare([&, first = first, real = real, columns = columns](const Side& s) {
        const at::Tensor logits = s.input_a({rows, columns}, 1) * 3, label_ids = labels(rows, real);
        const at::Tensor max = s.result_a({rows}), sum = s.result_a({rows}), label = s.result_a({rows}), loss = at::zeros({1}, s.a());
        const at::Tensor dlogits = s.result({rows, columns});
        if (s.device) {
          s.device->logits_max(max, logits, real);
          s.device->logits_sum(sum, label, logits, max, label_ids, first, real);
          loss.fill_(s.device->cross_entropy_loss(max, sum, label, label_ids));
          s.device->cross_entropy_backward(dlogits, logits, max, sum, label_ids, first, real, 0.25);
        } else {
          logits_max(max, logits, real);
          logits_sum(sum, label, logits, max, label_ids, first, real);
          loss.fill_(cross_entropy_loss(max, sum, label, label_ids));
          cross_entropy_backward(dlogits, logits, max, sum, label_ids, first, real, 0.25);
        }
        return std::vector<at::Tensor>{max, sum, label, loss, dlogits};
      });
    }
  }
}

TEST_CASE("emulated logits become their gradient in place, and a rank without real columns gives minus infinity") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor here = normals({5, 40}, 1), there = here.clone(), ids = labels(5, 30), max = garbage({5}), sum = garbage({5}),
                   label = garbage({5});
  logits_max(max, here, 30);
  logits_sum(sum, label, here, max, ids, 0, 30);
  cross_entropy_backward(here, here, max, sum, ids, 0, 30, 0.5);
  device.cross_entropy_backward(there, there, max, sum, ids, 0, 30, 0.5);
  CHECK(excess(there, here) == 0.0);
  device.logits_max(max, here, 0);
  CHECK((max == -std::numeric_limits<double>::infinity()).all().item<bool>());
}
