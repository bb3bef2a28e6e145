// SPDX-License-Identifier: Apache-2.0
// What keeping documents apart means: a sample in which several are packed has the loss and the gradients of its documents run one by one.
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>

#include "tests/trainer/mesh_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::RankOfRun;
using test::TinyRun;

namespace {

using Lengths = std::vector<std::int64_t>;

// Rows [begin, end) of one sample, as a batch by itself.
Batch part_of(const Batch& whole, std::int64_t sample, std::int64_t begin, std::int64_t end) {
  const auto rows = [&](const at::Tensor& x_BT) { return x_BT.narrow(0, sample, 1).narrow(1, begin, end - begin).contiguous(); };
  Batch batch;
  batch.tokens_BT = rows(whole.tokens_BT);
  batch.labels_BT = rows(whole.labels_BT);
  batch.positions_BT = rows(whole.documents.positions_BT);
  return batch;
}

// Samples of 16 tokens, each cut into documents of the given lengths. Every third label is ignored, and so are those that a document's last
// token would take from the next one.
Batch packed(const std::vector<Lengths>& samples, bool causal) {
  const auto B = std::ssize(samples);
  Batch batch;
  batch.tokens_BT = at::randint(256, {B, 16}, at::kLong);
  batch.labels_BT = at::randint(256, {B, 16}, at::kLong);
  batch.positions_BT = at::full({B, 16}, 0, at::kLong);
  batch.documents.positions_BT = at::full({B, 16}, 0, at::kLong);
  auto* positions = batch.positions_BT.data_ptr<std::int64_t>();
  auto* within = batch.documents.positions_BT.data_ptr<std::int64_t>();
  auto* labels = batch.labels_BT.data_ptr<std::int64_t>();
  std::vector<AttentionRule> rules;
  for (const Lengths& lengths : samples) {
    AttentionRule rule{.causal = causal};
    std::int64_t at = 0;
    for (const std::int64_t length : lengths) {
      rule.document_starts.push_back(at);
      for (std::int64_t i = 0; i < length; ++i, ++at) {
        *positions++ = at;
        *within++ = i;
        if (at % 3 == 0 || i + 1 == length) *labels = ignored_label;
        ++labels;
      }
    }
    rules.push_back(rule);
  }
  batch.documents.rules = std::make_shared<const std::vector<AttentionRule>>(rules);
  return batch;
}

struct Outcome {
  double loss = 0;
  at::Tensor gradient;
};

Outcome pass_over(RankOfRun& rank, const std::vector<Batch>& batches) {
  Outcome pass;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    StepContext context = rank.replica.context(1, 0);
    pass.loss += rank.replica.model.forward(batches[i], context);
    rank.replica.model.backward(context, 0.1, i == 0 ? Write::overwrite : Write::accumulate, [](int) {});
  }
  std::vector<at::Tensor> gradients;
  for (const Update& update : rank.replica.updates) gradients.push_back(update.gradient.flatten());
  pass.gradient = at::cat(gradients).clone();
  return pass;
}

}  // namespace

TEST_CASE("document masks: a packed sample has the loss and the gradients of its documents run apart") {
  const TinyRun tiny;
  const std::vector<Lengths> samples = {{5, 1, 10}, {16}, {1, 1, 1, 6, 7}, {8, 8}};
  for (const char* positions : {"learned", "rotary"})
    for (const bool causal : {true, false}) {
      CAPTURE(positions, causal);
      const RunConfig config =
          tiny.config({"model.dropout=0", std::string("model.positions=") + positions, fmt::format("model.causal={}", causal)});
      test::on_mesh(config, [&](RankOfRun& rank) {
        const Batch batch = packed(samples, causal);
        std::vector<Batch> apart;
        for (std::size_t b = 0; b < samples.size(); ++b) {
          std::int64_t at = 0;
          for (const std::int64_t length : samples[b]) {
            apart.push_back(part_of(batch, static_cast<std::int64_t>(b), at, at + length));
            at += length;
          }
        }
        const Outcome together = pass_over(rank, {batch}), one_by_one = pass_over(rank, apart);
        CHECK(one_by_one.loss > 1);
        CHECK(std::abs(together.loss - one_by_one.loss) <= 1e-11);
        CHECK(test::distance(together.gradient, one_by_one.gradient) <= 1e-12);

        Batch unmasked = batch;
        unmasked.documents = {};
        CHECK(std::abs(pass_over(rank, {unmasked}).loss - together.loss) > 1e-3);
      });
    }
}

TEST_CASE("document masks: a batch whose documents are half described is a bug") {
  const TinyRun tiny;
  test::on_mesh(tiny.config(), [&](RankOfRun& rank) {
    StepContext context = rank.replica.context(1, 0, /*training=*/false);
    const auto forward = [&](const std::function<void(Batch&)>& change) {
      Batch batch = packed({{5, 11}, {16}}, true);
      change(batch);
      rank.replica.model.forward(batch, context);
    };
    CHECK_NOTHROW(forward([](Batch&) {}));
    CHECK_THROWS_AS(forward([](Batch& batch) { batch.documents.rules = nullptr; }), Bug);
    CHECK_THROWS_AS(forward([](Batch& batch) { batch.documents.positions_BT = batch.positions_BT.narrow(1, 0, 8).contiguous(); }), Bug);
    CHECK_THROWS_AS(
        forward([](Batch& batch) { batch.documents.rules = std::make_shared<const std::vector<AttentionRule>>(std::size_t{3}); }), Bug);
  });
}
