// SPDX-License-Identifier: Apache-2.0
#include "accounting/conventions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "accounting/flops/counted_formulas.hpp"
#include "accounting/flops/printed_formulas.hpp"
#include "accounting/parameters.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr const char* ignores_window = "s x s, nothing halved; windows and documents are not seen";

constexpr std::array table = {
    Convention{"6n", "6 N a token", "all trainable parameters, a tied table once", "not counted", "head and tables as they are in N",
               "Kaplan et al. 2020 (arXiv 2001.08361), section 2.1, with N of all parameters", six_n},
    Convention{"kaplan", "6 N a token", "2 d L (2 H Q + f): no embeddings, biases, norms, positions",
               "not counted in C; with_context adds 6 L s H Q, half of s x s", "left out",
               "Kaplan et al. 2020 (arXiv 2001.08361), table 1 and section 2.1", kaplan},
    Convention{"palm", "6 N + 12 L H Q s a token", "all minus positions and minus an untied input table", ignores_window,
               "head in N, input table only where it is the head", "Chowdhery et al. 2022 (arXiv 2204.02311), appendix B", palm},
    Convention{"chinchilla", "3 x the sum of appendix F, softmax (3 H s^2 a layer) included", "none", "s x s, and the softmax",
               "head and embedding, 2 s V d each", "Hoffmann et al. 2022 (arXiv 2203.15556), appendix F as printed", chinchilla},
    Convention{"chinchilla_table", "3 x the sum of appendix F without its vocabulary terms, as the paper's own table follows",
               "L (5 d H Q + 2 d f + biases + norms) + final norm + d V: relative positions are the fifth matrix", "s x s, and the softmax",
               "left out of the FLOPs, d V in N", "Hoffmann et al. 2022, table A4, as nanoGPT's scaling_laws.ipynb reproduces it",
               chinchilla_table},
    Convention{"megatron21", "72 B s L h^2 (1 + s/6h + V/12Lh) an iteration", "12 L h^2 (1 + 13/12h + (V + s)/12Lh)", "s x s",
               "head, vocabulary as given", "Narayanan et al. 2021 (arXiv 2104.04473), equations 2 to 4, without recompute", megatron21},
    Convention{"korthikanti22", "model FLOPs as megatron21; the hardware FLOPs with selective recompute stand beside them",
               "12 L h^2 (1 + 13/12h + (V + s)/12Lh)", "s x s", "head, vocabulary as given",
               "Korthikanti et al. 2022 (arXiv 2205.05198), appendix A", korthikanti22},
    Convention{"megatron", "6 x matrices a token + 6 L H Q x sum of L_i^2", "none",
               "half of s x s, or of each document's square; windows are not seen", "head, vocabulary padded to 128 (tensor ranks: 1)",
               "NVIDIA/Megatron-LM, megatron/training/training.py at d98e8a64", megatron_today},
    Convention{"torchtitan", "6 N + 12 L H Q s a token", "all minus an untied input table", ignores_window,
               "head in N, input table only where it is the head", "pytorch/torchtitan, torchtitan/models/utils.py at b5bcd76c",
               torchtitan},
    Convention{"nanogpt", "6 N + 12 L H Q s a token", "all minus positions", ignores_window, "head and tables as they are in N",
               "karpathy/nanoGPT, model.py at 3adf61e1, estimate_mfu", nanogpt},
    Convention{"llmc", "6 N + 6 L d s a token", "all, vocabulary padded to 128", "half of s x s; windows and documents are not seen",
               "head and tables as they are in N", "karpathy/llm.c, train_gpt2.cu at f1e2ace6, gpt2_estimate_mfu", llmc},
    Convention{"deepseek", "72 L d^2 + 12 L d s a token (the paper's M)", "none", "s x s", "left out",
               "DeepSeek LLM 2024 (arXiv 2401.02954), equation 2", deepseek},
    Convention{"exact", "6 x matmul parameters a token + 12 L H Q x visible (query, key) pairs a sequence",
               "weights that a token is multiplied with, head once", "the pairs that mask, window and documents leave",
               "head once, a lookup is 0", "accounting/operations.hpp", exact_formula},
};

constexpr std::array booked = {"6n", "palm", "exact"};

constexpr auto largest_count = ~static_cast<unsigned __int128>(0);

FormulaOfShape require_applied(const Convention& convention, const ModelShape& shape) {
  FormulaOfShape formula = apply(convention, shape);
  if (!formula.applies()) {
    throw Error(fmt::format("convention '{}' says nothing about this shape: {}", convention.id, formula.refused), "convention",
                "6n, palm and exact hold for every shape");
  }
  return formula;
}

// Only pairs that are counted as visible follow the documents of the sequences.
Flops training_of(const Convention& convention, const ModelShape& shape, const Workload& work) {
  const FlopForm form = require_applied(convention, shape).training;
  if (!work.pairs || form.pairs != CountedPairs::visible) return convention.training(shape, work.length) * work.sequences;
  return form.per_token * (work.sequences * work.length) + form.per_pair * work.pairs->visible;
}

Flops forward_of(const Convention& convention, Flops training) {
  ERGON_CHECK(training.value % 3 == 0, "{} states {} FLOPs, no multiple of a forward", convention.id, to_decimal(training));
  return {training.value / 3};
}

}  // namespace

Flops Convention::training(const ModelShape& shape, std::int64_t length) const {
  return flops_of(require_applied(*this, shape).training, whole_sequence(length, attention_rule(shape)));
}

Flops Convention::forward(const ModelShape& shape, std::int64_t length) const { return forward_of(*this, training(shape, length)); }

std::span<const Convention> conventions() { return table; }

const Convention& convention(std::string_view id) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Convention& row) { return row.id == id; });
  if (found != table.end()) return *found;
  std::vector<std::string_view> ids;
  for (const Convention& row : table) ids.push_back(row.id);
  throw Error(fmt::format("'{}' is not a FLOP convention", id), "convention", fmt::format("one of: {}", fmt::join(ids, ", ")));
}

FormulaOfShape apply(const Convention& convention, const ModelShape& shape) {
  count_parameters(shape);  // refuses what no formula can count
  return convention.formula(shape);
}

FlopsById flops_by_convention(const ModelShape& shape, Workload work, Pass pass) {
  FlopsById flops;
  for (const char* id : booked) {
    const Convention& row = convention(id);
    const Flops training = training_of(row, shape, work);
    flops[id] = pass == Pass::training ? training : forward_of(row, training);
  }
  return flops;
}

Flops training_flops(const Convention& convention, const ModelShape& shape, std::int64_t length, Tokens tokens) {
  return prorated(convention.training(shape, length), length, tokens);
}

std::string per_token(const Convention& convention, const ModelShape& shape, std::int64_t length) {
  return one_token(convention.training(shape, length), length);
}

Flops six_n_d(Flops parameters, Flops tokens) {
  if (parameters.value != 0 && tokens.value > largest_count / 6 / parameters.value) {
    throw Error("6 x parameters x tokens does not fit 128 bits", "", "check the two numbers: their product is above 5e37");
  }
  return Flops{6} * parameters.value * tokens.value;
}

}  // namespace ergon
