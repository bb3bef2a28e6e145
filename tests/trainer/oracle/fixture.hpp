// SPDX-License-Identifier: Apache-2.0
// One tensor rank of a model under test, with weights that do not depend on the mesh, beside the same weights as the oracle's global
// tensors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "parallel/context_parallel/dense.hpp"
#include "tests/trainer/oracle/reference_model.hpp"
#include "trainer/attention/plain.hpp"
#include "trainer/data/batch.hpp"
#include "trainer/layers/step_context.hpp"
#include "trainer/model/declaration.hpp"

namespace ergon::oracle {

inline constexpr double tolerance = 1e-10;

// The variants every gate runs over: between them each norm, position, MLP, sharing of key/value heads, bias, tie, window and dropout
// occurs; V = 257.
std::vector<ModelShape> variants();
std::string describe(const ModelShape& shape);

// N(0, 1) in fp64, a function of sizes and seed.
at::Tensor normal(at::IntArrayRef sizes, std::int64_t seed);
// Largest absolute difference; infinity when the sizes differ or anything is not finite.
double max_error(const at::Tensor& a, const at::Tensor& b);

// Labels follow the tokens; `ignored`: every which label is ignored (0: none, 1: all).
Batch make_batch(const ModelShape& shape, std::int64_t samples, std::int64_t length, std::int64_t seed, std::int64_t ignored,
                 std::int64_t first_sample);

Parameters random_parameters(const ModelShape& shape, std::int64_t seed);
void require_gradients(Parameters& parameters);
// The gradient, zero where autograd left none.
at::Tensor gradient_of(const at::Tensor& parameter);
// What a rank holds of a global tensor: its box, then padding rows of zeros.
at::Tensor local_part(const at::Tensor& global, const ParameterSpec& spec);

Masks dropout_masks(const ModelShape& shape, const Batch& batch, std::int64_t seed, std::int64_t step);

// A communicator of one rank in which every operation is a failure: layers on one rank make no call.
std::unique_ptr<Communicator> solo();

// Everything that one rank needs to call layers.
class Rank {
 public:
  Rank(const ModelShape& shape, const Parameters& parameters, Communicator& tp, Communicator* kv_replicas = nullptr,
       at::ScalarType dtype = at::kDouble, std::unique_ptr<LocalAttention> kernel = std::make_unique<PlainAttention>());

  // The call of a layer on this microbatch, which the context then stands at.
  LayerCall call(const Batch& batch);
  // The largest error of any gradient of a parameter whose name starts with `prefix`, padding included.
  double gradient_error(const Parameters& parameters, const std::string& prefix = "") const;

  ModelShape shape;
  int tp_size, tp_rank;
  ModelDeclaration declared;
  ParameterStore store;
  FlopAudit audit;
  Gemm gemm{audit};
  std::unique_ptr<LocalAttention> attention;
  DenseAttention strategy;
  Arena scratch, keep;
  StepContext context;
};

// What a test of a layer holds against autograd: one rank by itself, and beside it the same parameters as global tensors that collect
// gradients.
struct LayerUnderTest {
  explicit LayerUnderTest(const ModelShape& shape);
  Parameters parameters;
  std::unique_ptr<Communicator> tp;
  Rank rank;
};

// One of the two microbatches that a gate runs a layer over, 3 sequences of 10: the first overwrites gradients, the second, of other
// samples, adds to them.
struct Microbatch {
  Microbatch(Rank& rank, Write write, std::int64_t ignored = 0);
  Write write;
  Batch batch;
  LayerCall call;
  at::Tensor x_BTD;  // the oracle's input: collects a gradient
  at::Tensor x_ND;   // the same for the layer, N = B T
  at::Tensor dy_ND;  // the gradient of the layer's output
};
inline constexpr Write both_writes[] = {Write::overwrite, Write::accumulate};

}  // namespace ergon::oracle
