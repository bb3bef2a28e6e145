// SPDX-License-Identifier: Apache-2.0
#include "accounting/conventions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "accounting/parameters.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

Flops six_n_forward(const ModelShape& shape, std::int64_t length) { return Flops{2} * count_parameters(shape).total * length; }

Flops palm_forward(const ModelShape& shape, std::int64_t length) {
  const ParameterCounts counts = count_parameters(shape);
  const std::int64_t parameters = counts.total - counts.positions - (shape.tied ? 0 : counts.token_table);
  const Flops attention = Flops{4} * shape.layers * shape.heads * shape.head_width * length;
  return (Flops{2} * parameters + attention) * length;
}

Flops exact_forward(const ModelShape& shape, std::int64_t length) {
  return count(model_operations(shape, {.sequences = 1, .length = length}, Pass::evaluation)).total();
}
Flops exact_training(const ModelShape& shape, std::int64_t length) {
  return count(model_operations(shape, {.sequences = 1, .length = length})).total();
}

// A training pass as three forwards, which is how the conventions of parameters are stated.
template <Flops (*forward)(const ModelShape&, std::int64_t)>
Flops three_times(const ModelShape& shape, std::int64_t length) {
  return Flops{3} * forward(shape, length).value;
}

constexpr std::array table = {
    Convention{"6n", "6 N a token; N = all parameters, tied tables once; attention not counted",
               "Kaplan et al. 2020, section 2.1, with N of all parameters", three_times<six_n_forward>, six_n_forward},
    Convention{"palm", "6 N + 12 L H Q s a token; N without positions and without an untied input table; attention s x s, nothing halved",
               "Chowdhery et al. 2022, appendix B", three_times<palm_forward>, palm_forward},
    Convention{"exact", "6 x matmul parameters (head once) a token + 12 L H Q x visible (query, key) pairs a sequence",
               "accounting/operations.hpp", exact_training, exact_forward},
};

constexpr auto largest_count = ~static_cast<unsigned __int128>(0);

unsigned __int128 rounded_ratio(unsigned __int128 numerator, unsigned __int128 denominator) {
  return (numerator + denominator / 2) / denominator;
}

}  // namespace

std::span<const Convention> conventions() { return table; }

const Convention& convention(std::string_view id) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Convention& row) { return row.id == id; });
  if (found != table.end()) return *found;
  std::vector<std::string_view> ids;
  for (const Convention& row : table) ids.push_back(row.id);
  throw Error(fmt::format("'{}' is not a FLOP convention", id), "convention", fmt::format("one of: {}", fmt::join(ids, ", ")));
}

FlopsById flops_by_convention(const ModelShape& shape, Workload work, Pass pass) {
  FlopsById flops;
  for (const Convention& row : table) {
    const Flops one = pass == Pass::training ? row.training(shape, work.length) : row.forward(shape, work.length);
    flops[row.id] = one * work.sequences;
  }
  return flops;
}

Flops training_flops(const Convention& convention, const ModelShape& shape, std::int64_t length, Tokens tokens) {
  ERGON_CHECK(length > 0 && tokens.value >= 0, "length {}, tokens {}", length, tokens.value);
  const unsigned __int128 of_sequence = convention.training(shape, length).value;
  const auto count = static_cast<unsigned __int128>(tokens.value);
  if (of_sequence != 0 && count > (largest_count - length) / of_sequence)
    throw Error("the FLOPs of so many tokens do not fit 128 bits", "tokens", "lower the number of tokens, or the model");
  return {rounded_ratio(of_sequence * count, length)};
}

std::string per_token(const Convention& convention, const ModelShape& shape, std::int64_t length) {
  ERGON_CHECK(length > 0, "length {}", length);
  constexpr int scale = 1'000'000;
  const auto millionths = rounded_ratio(convention.training(shape, length).value * scale, length);
  std::string text = to_decimal({millionths / scale});
  if (const int fraction = static_cast<int>(millionths % scale)) {
    text += fmt::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

Flops six_n_d(Flops parameters, Flops tokens) {
  if (parameters.value != 0 && tokens.value > largest_count / 6 / parameters.value) {
    throw Error("6 x parameters x tokens does not fit 128 bits", "", "check the two numbers: their product is above 5e37");
  }
  return Flops{6} * parameters.value * tokens.value;
}

}  // namespace ergon
