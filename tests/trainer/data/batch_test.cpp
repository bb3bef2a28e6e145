// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/batch.hpp"

#include <ATen/ops/zeros.h>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a batch that is on the device already is passed on, not copied; elsewhere the model's part of it moves") {
  Batch batch;
  for (at::Tensor* tensor : {&batch.tokens_BT, &batch.labels_BT, &batch.positions_BT})
    *tensor = at::zeros({2, 3}, at::kLong);
  batch.valid_tokens = 5;
  batch.first_sample = 7;
  const Batch same = to_device(batch, at::kCPU);
  CHECK(same.tokens_BT.data_ptr() == batch.tokens_BT.data_ptr());
  CHECK(same.labels_BT.data_ptr() == batch.labels_BT.data_ptr());
  CHECK(same.positions_BT.data_ptr() == batch.positions_BT.data_ptr());
  CHECK(same.valid_tokens == 5);
  CHECK(same.first_sample == 7);

  const Batch moved = to_device(batch, at::kMeta);
  CHECK(moved.tokens_BT.is_meta());
  CHECK(moved.labels_BT.is_meta());
  CHECK(moved.positions_BT.is_meta());
  CHECK_FALSE(moved.documents.positions_BT.defined());
  batch.documents.positions_BT = at::zeros({2, 3}, at::kLong);
  CHECK(to_device(batch, at::kMeta).documents.positions_BT.is_meta());
}
