// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/store_layout.hpp"

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::int64_t layout_alignment = 64;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// packed_after[id]: the parameter follows its predecessor without a gap.
std::vector<bool> packed_after(std::size_t num_specs, const std::vector<std::vector<ParameterId>>& packs) {
  std::vector<bool> result(num_specs, false);
  for (const auto& pack : packs) {
    for (std::size_t i = 1; i < pack.size(); ++i) {
      ERGON_CHECK(pack[i] == pack[i - 1] + 1, "ids {} and {} of a pack are not consecutive", pack[i - 1], pack[i]);
      result.at(static_cast<std::size_t>(pack[i])) = true;
    }
  }
  return result;
}

}  // namespace

StoreLayout lay_out(const std::vector<ParameterSpec>& specs, const std::vector<std::vector<ParameterId>>& packs, at::ScalarType dtype,
                    int num_units, int owners) {
  const std::int64_t alignment = layout_alignment / static_cast<std::int64_t>(c10::elementSize(dtype));
  const std::vector<bool> follows = packed_after(specs.size(), packs);
  StoreLayout layout;
  std::int64_t end = 0;
  for (std::size_t id = 0; id < specs.size(); ++id) {
    const ParameterSpec& spec = specs[id];
    const int unit = static_cast<int>(layout.units.size()) - 1;
    ERGON_CHECK(spec.unit == unit || spec.unit == unit + 1, "{}: unit {} after unit {}", spec.name, spec.unit, unit);
    ERGON_CHECK(spec.unit < num_units, "{}: unit {} of {}", spec.name, spec.unit, num_units);
    ERGON_CHECK(!follows[id] || spec.unit == unit, "{}: a pack crosses units", spec.name);
    if (spec.unit != unit) {
      if (unit >= 0)
        end = layout.units.back().end = layout.units.back().begin + round_up(end - layout.units.back().begin, alignment * owners);
      layout.units.push_back({end, end});
    }
    const std::int64_t begin = follows[id] ? end : round_up(end, alignment);
    end = begin + num_elements(spec.local_shape);
    layout.parameters.push_back({begin, end});
  }
  ERGON_CHECK(std::ssize(layout.units) == num_units, "{} units declared, {} expected", layout.units.size(), num_units);
  layout.units.back().end = layout.units.back().begin + round_up(end - layout.units.back().begin, alignment * owners);
  return layout;
}

}  // namespace ergon
