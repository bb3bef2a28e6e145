// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/cross_entropy.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/tensor.h>

#include <limits>

#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("cross-entropy over a vocabulary of 257 on 1, 2 and 4 ranks equals autograd; padding and ignored rows get nothing") {
  const std::int64_t rows = 9, vocabulary = 257;
  const at::Tensor labels = at::tensor({0, 256, -1, 128, 3, -1, 255, 64, 200}, at::kLong);
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat})
    for (const double logit_scale : {1.0, 8.0, 200.0})
      for (const std::int64_t ranks : {1, 2, 4}) {
        INFO(ranks << " ranks, logits x " << logit_scale << ", " << c10::toString(dtype));
        const at::Tensor whole = normals({rows, vocabulary}, 1, dtype) * logit_scale, full = leaf(whole);
        const at::Tensor expected = at::cross_entropy_loss(full, labels, {}, /*reduction=sum*/ 2, /*ignore_index=*/-1);
        (expected * 0.125).backward();

        // The shards of partition_vocabulary: padded to a multiple of 128 x ranks; padding holds large numbers that must not count.
        const std::int64_t share = (vocabulary + 128 * ranks - 1) / (128 * ranks) * 128;
        std::vector<at::Tensor> shards, most, sum, label;
        at::Tensor max_R = at::full({rows}, -std::numeric_limits<double>::infinity(), dtype), sum_R = at::full({rows}, 0.0, dtype),
                   label_R = at::full({rows}, 0.0, dtype);
        const auto real = [&](std::int64_t r) { return std::clamp<std::int64_t>(vocabulary - r * share, 0, share); };
        for (std::int64_t r = 0; r < ranks; ++r) {
          at::Tensor shard = at::full({rows, share}, 1e6, dtype), most_here = garbage({rows}, dtype);
          if (real(r) > 0) shard.narrow(1, 0, real(r)).copy_(whole.narrow(1, r * share, real(r)));
          logits_max(most_here, shard, real(r));
          max_R = at::maximum(max_R, most_here);
          shards.push_back(shard);
        }
        for (std::int64_t r = 0; r < ranks; ++r) {
          const at::Tensor sum_here = garbage({rows}, dtype), label_here = garbage({rows}, dtype);
          logits_sum(sum_here, label_here, shards[static_cast<std::size_t>(r)], max_R, labels, r * share, real(r));
          sum_R += sum_here;
          label_R += label_here;
        }
        const double loss = cross_entropy_loss(max_R, sum_R, label_R, labels);
        CHECK(loss == Approx(expected.item<double>()).epsilon(dtype == at::kDouble ? 1e-13 : 1e-5));
        double worst = 0.0;
        for (std::int64_t r = 0; r < ranks; ++r) {
          const at::Tensor& shard = shards[static_cast<std::size_t>(r)];
          cross_entropy_backward(shard, shard, max_R, sum_R, labels, r * share, real(r), 0.125);
          if (real(r) > 0) worst = std::max(worst, max_abs(shard.narrow(1, 0, real(r)), full.grad().narrow(1, r * share, real(r))));
          if (real(r) < share) worst = std::max(worst, shard.narrow(1, real(r), share - real(r)).abs().max().item<double>());
        }
        CHECK(worst <= tolerance(dtype));
      }
}
