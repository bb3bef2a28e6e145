// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/flop_form.hpp"

#include "configs/error.hpp"

namespace ergon {
namespace {

using Wide = unsigned __int128;
constexpr Wide widest_count = ~Wide{0};

Wide rounded_ratio(Wide numerator, Wide denominator) { return (numerator + denominator / 2) / denominator; }

}  // namespace

Flops flops_of(const FlopForm& form, const Packing& packing) {
  return form.per_token * packing.tokens + Flops{form.per_pair.value * twice_pairs(packing, form.pairs) / 2};
}

Flops prorated(Flops of_sample, std::int64_t sample, Tokens tokens) {
  ERGON_CHECK(sample > 0 && tokens.value >= 0, "sample {}, tokens {}", sample, tokens.value);
  const Wide whole = of_sample.value / sample, rest = of_sample.value % sample;
  const Wide count = static_cast<Wide>(tokens.value);
  const Wide of_rest = rounded_ratio(rest * count, sample);
  if (whole != 0 && count > (widest_count - of_rest) / whole)
    throw Error("the FLOPs of so many tokens do not fit 128 bits", "tokens", "lower the number of tokens, or the model");
  return {whole * count + of_rest};
}

std::string one_token(Flops of_sample, std::int64_t sample) {
  ERGON_CHECK(sample > 0, "sample {}", sample);
  constexpr int scale = 1'000'000;
  const Wide millionths = rounded_ratio(of_sample.value % sample * scale, sample);
  std::string text = to_decimal({of_sample.value / sample + millionths / scale});
  if (const int fraction = static_cast<int>(millionths % scale)) {
    text += fmt::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace ergon
