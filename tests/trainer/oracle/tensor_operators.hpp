// SPDX-License-Identifier: Apache-2.0
// Arithmetic on tensors (a + b, a * 2.0) for tests, without the header of all of ATen's functions that comes along otherwise.
#pragma once

#ifndef AT_PER_OPERATOR_HEADERS
#define AT_PER_OPERATOR_HEADERS
#endif
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
