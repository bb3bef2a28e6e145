// SPDX-License-Identifier: Apache-2.0
// The local pieces of vocabulary-parallel cross-entropy; the caller joins them over tp:
//
//   logits_max            -> all_reduce max  -> max_R
//   logits_sum            -> all_reduce sum  -> sum_R (of exp(logit - max)), label_R (the label's logit, 0 on the ranks that do not hold
//   it) cross_entropy_loss    =  sum over valid rows of max + log(sum) - label cross_entropy_backward:  dlogits = (softmax - onehot) *
//   scale; 0 in ignored rows and padding columns
//
// This rank holds columns [first, first + real) of the vocabulary; columns from `real` on are padding and never enter max or sum. A row is
// valid when its label is not ignored_label (trainer/data/batch.hpp). logits_RV contiguous, float or double; labels_R int64, global; max,
// sum and label rows have the dtype of the logits. dlogits has it too, or is bfloat16 beside float logits (rounded once).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ergon {

void logits_max(const at::Tensor& max_R, const at::Tensor& logits_RV, std::int64_t real);  // -inf when real is 0
void logits_sum(const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& logits_RV, const at::Tensor& max_R,
                const at::Tensor& labels_R, std::int64_t first, std::int64_t real);
// Terms and sum in fp64, in row order.
double cross_entropy_loss(const at::Tensor& max_R, const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& labels_R);
// dlogits_RV is contiguous and may be logits_RV where the dtypes agree.
void cross_entropy_backward(const at::Tensor& dlogits_RV, const at::Tensor& logits_RV, const at::Tensor& max_R, const at::Tensor& sum_R,
                            const at::Tensor& labels_R, std::int64_t first, std::int64_t real, double scale);

}  // namespace ergon
