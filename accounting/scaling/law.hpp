// SPDX-License-Identifier: Apache-2.0
// A scaling law with everything that it takes to use it honestly: what its N and C count, on which data and within which domain it was
// fitted, who published it, and, where there is one, the bootstrap behind its intervals. What a law does not give is absent, with a reason
// where it is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accounting/scaling/parametric_law.hpp"

namespace ergon {

// coefficient x^exponent
struct PowerLaw {
  double coefficient = 0, exponent = 0;
};

// What N and C count. `parameters`: total, non_embedding, matmul, or words where a paper says something else (deepseek: FLOPs a token).
struct LawDefinitions {
  std::string parameters = "total";
  std::string compute = "6n";  // id of a FLOP convention
  std::string loss = "nats a token";
  std::string data_set, tokenizer;  // empty: not known
};

struct Bounds {
  double low = 0, high = 0;
};

// What was sampled. An absent interval is not known.
struct LawDomain {
  std::optional<Bounds> parameters, tokens, flops;
};

// Optimal allocation stated as powers of C (in FLOPs), without a loss: N = parameters(C). The D that was printed beside it need not satisfy
// 6 N D = C. `flops_per_token` is what C / D is: 6 N, or the paper's own M (DeepSeek, where `parameters` gives M).
struct PowerAllocation {
  PowerLaw parameters;
  std::optional<PowerLaw> printed_tokens;
  bool parameters_are_flops_per_token = false;
};

// D' = U (1 + R* (1 - e^(-R / R*))), R = D / U - 1, and N' likewise from the N that U tokens are optimal for (Muennighoff et al. 2023).
struct RepetitionLaw {
  double data_half_life = 0;       // R_D*
  double parameter_half_life = 0;  // R_N*
};

// L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D: D tokens of data, trained on until the loss stops to fall (Kaplan et al.
// 2020, eq. 1.5).
struct JointLaw {
  double n_c = 0, d_c = 0, alpha_n = 0, alpha_d = 0;
};

// Learning rate and batch (tokens): coefficient N^n D^d C^c + log_n ln N.
struct HyperparameterLaw {
  std::string of;  // "learning_rate", "batch_tokens"
  double coefficient = 0, n_exponent = 0, d_exponent = 0, c_exponent = 0;
  std::string note;
  double log_n = 0;
};

struct LawFit {
  // Of approach 3 and its bootstrap; nothing where the law is an allocation by approach 1 or 2.
  std::optional<double> huber_delta;
  std::uint64_t seed = 0;
  std::string input_sha256;
  std::int64_t rows = 0;
  double level = 0.8;  // of the intervals
};

struct ScalingLaw {
  std::string name;   // "besiroglu"; of a file: its name without extension
  std::string title;  // "Besiroglu et al. 2024, a re-fit of Hoffmann's approach 3"
  std::string source;
  std::vector<std::string> traps;
  LawDefinitions definitions;
  LawDomain domain;
  std::optional<ParametricLaw> loss_law;
  std::optional<PowerAllocation> allocation;  // without loss_law, or beside it as printed
  std::optional<RepetitionLaw> repetition;
  std::vector<HyperparameterLaw> hyperparameters;
  std::optional<LawFit> fit;
  std::vector<ParametricLaw> samples;  // of the bootstrap; empty: intervals are not known
  std::string samples_note;            // where the samples come from when not from this law's own fit
  std::optional<JointLaw> joint_law;
  std::optional<PowerLaw> frontier_loss;  // the least loss of C FLOPs, where a paper prints it apart from its loss of N and D
};

}  // namespace ergon
