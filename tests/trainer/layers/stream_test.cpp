// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/stream.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "parallel/communicator_local.hpp"
#include "tests/trainer/oracle/fixture.hpp"
#include "tests/trainer/oracle/tensor_operators.hpp"

#include "tests/support/catch.hpp"

namespace ergon::oracle {
namespace {

// The largest error of any rank; B samples of T positions on tp ranks.
template <class Body>
double worst_of(int tp, std::int64_t samples, std::int64_t length, bool parted, const Body& body) {
  std::vector<double> worst(static_cast<std::size_t>(tp), 1.0);
  ModelShape shape = variants()[0];
  shape.kv_heads = shape.heads = 12;
  shape.sequence = 12;
  run_local_ranks(tp, [&](std::unique_ptr<Communicator> world) {
    const auto rank = static_cast<std::size_t>(world->rank());
    Rank under_test(shape, random_parameters(shape, 1), *world);
    under_test.context.sequence_parallel = parted;
    const Batch batch = make_batch(shape, samples, length, 5, 0, 7);
    worst[rank] = body(under_test, under_test.call(batch));
  });
  return *std::max_element(worst.begin(), worst.end());
}

struct Cut {
  int tp;
  std::int64_t samples, length;
};
// Whole samples, parts of one, and parts that begin and end inside a sample.
constexpr Cut cuts[] = {{2, 4, 6}, {4, 2, 8}, {2, 3, 10}, {4, 3, 12}, {3, 2, 9}, {4, 6, 10}};

at::Tensor part(const LayerCall& call, const at::Tensor& whole) {
  return whole.narrow(0, call.parted() ? call.step.tp.rank() * call.stream_rows() : 0, call.stream_rows()).contiguous();
}

}  // namespace

TEST_CASE("stream: rows are gathered in order, and partial products are summed to where they belong") {
  for (const Cut& cut : cuts)
    for (const bool parted : {false, true}) {
      CAPTURE(cut.tp, cut.samples, cut.length, parted);
      CHECK(worst_of(cut.tp, cut.samples, cut.length, parted, [&](Rank& rank, const LayerCall& call) {
              const at::Tensor whole = normal({call.rows(), 5}, 1);
              double error = max_error(all_rows(call, rank.keep, part(call, whole)), whole);
              error = std::max(error, max_error(own_rows(call, call.positions_BT.view({-1})), part(call, call.positions_BT.view({-1}))));
              const at::Tensor sum = at::empty({call.stream_rows(), 5}, at::kDouble), partial = partial_rows(call, rank.keep, sum);
              partial.copy_(whole * (1.0 + call.step.tp.rank()));
              sum_rows(call, sum, partial).wait();
              const double factor = cut.tp * (cut.tp + 1) / 2.0;
              return std::max(error, max_error(sum, part(call, whole * factor)));
            }) <= 1e-14);
    }
}

TEST_CASE("stream: dropout of a part is that part of the dropout of the whole") {
  for (const Cut& cut : cuts) {
    CAPTURE(cut.tp, cut.samples, cut.length);
    CHECK(worst_of(cut.tp, cut.samples, cut.length, true, [&](Rank& rank, const LayerCall& call) {
            const std::int64_t d = 16;
            const at::Tensor whole = normal({call.rows(), d}, 1), residual = normal({call.rows(), d}, 2), bias = normal({d}, 3);
            Dropout dropout = dropout_of(call, rank.shape, 1, DropoutSite::residual_mlp);
            dropout.p = 0.3;
            const auto cube = [&](const at::Tensor& x) { return x.view({cut.samples, cut.length, d}); };
            const at::Tensor expected = at::zeros_like(whole), got = at::zeros_like(part(call, whole));
            dropout_apply(cube(expected), cube(whole), call.positions_BT, dropout);
            stream_dropout(call, got, part(call, whole), dropout);
            double error = max_error(got, part(call, expected));
            dropout_add(cube(expected), cube(residual), cube(whole), bias, call.positions_BT, dropout);
            stream_dropout_add(call, got, part(call, residual), part(call, whole), bias, dropout);
            return std::max(error, max_error(got, part(call, expected)));
          }) == 0.0);
  }
}

}  // namespace ergon::oracle
