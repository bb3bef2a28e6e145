// SPDX-License-Identifier: Apache-2.0
#include "trainer/model/parameter_store.hpp"

#include <ATen/ops/zeros.h>

#include <array>
#include <cstdint>

#include "configs/error.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/kernels/precision.hpp"

namespace ergon {
namespace {

constexpr std::int64_t alignment_bytes = 64;

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

// A flat zeroed buffer whose first element is 64-byte aligned, as ATen's CPU allocator gives it.
at::Tensor flat_buffer(std::int64_t elements, at::ScalarType dtype, at::Device device) {
  at::Tensor flat = at::zeros({elements}, at::TensorOptions().dtype(dtype).device(device));
  ERGON_CHECK(reinterpret_cast<std::uintptr_t>(flat.data_ptr()) % alignment_bytes == 0,
              "the allocator gave a buffer that is not {}-byte aligned", alignment_bytes);
  return flat;
}

}  // namespace

ParameterStore::ParameterStore(std::vector<ParameterSpec> specs, std::vector<std::vector<ParameterId>> packs, at::ScalarType dtype,
                               at::Device device, int num_units)
    : specs_(std::move(specs)), units_(static_cast<std::size_t>(num_units)), headers_(device) {
  const std::int64_t alignment = alignment_bytes / static_cast<std::int64_t>(c10::elementSize(dtype));
  const std::vector<bool> follows = packed_after(specs_.size(), packs);
  std::int64_t end = 0;
  int unit = -1;
  for (std::size_t id = 0; id < specs_.size(); ++id) {
    const ParameterSpec& spec = specs_[id];
    ERGON_CHECK(spec.unit == unit || spec.unit == unit + 1, "{}: unit {} after unit {}", spec.name, spec.unit, unit);
    ERGON_CHECK(spec.unit < num_units, "{}: unit {} of {}", spec.name, spec.unit, num_units);
    ERGON_CHECK(!follows[id] || spec.unit == unit, "{}: a pack crosses units", spec.name);
    const std::int64_t begin = follows[id] ? end : round_up(end, alignment);
    if (spec.unit != unit) {
      if (unit >= 0) units_[static_cast<std::size_t>(unit)].end = begin;
      unit = spec.unit;
      units_[static_cast<std::size_t>(unit)].begin = begin;
    }
    end = begin + num_elements(spec.local_shape);
    ranges_.push_back({begin, end});
  }
  ERGON_CHECK(unit == num_units - 1, "{} units declared, {} expected", unit + 1, num_units);
  end = round_up(end, alignment);
  units_.back().end = end;

  parameters_ = flat_buffer(end, accumulator_type(dtype), device);
  flat_weights_ = dtype == accumulator_type(dtype) ? parameters_ : flat_buffer(end, dtype, device);
  gradients_ = flat_buffer(end, accumulator_type(dtype), device);
  for (std::size_t id = 0; id < specs_.size(); ++id) {
    const ElementRange range = ranges_[id];
    weights_.push_back(flat_weights_.narrow(0, range.begin, range.size()).view(specs_[id].local_shape));
    masters_.push_back(parameters_.narrow(0, range.begin, range.size()).view(specs_[id].local_shape));
    gradients_of_.push_back(gradients_.narrow(0, range.begin, range.size()).view(specs_[id].local_shape));
    // Padding rows follow the real ones, so the real elements are the first.
    real_gradients_.push_back(gradients_.narrow(0, range.begin, num_elements(specs_[id].box.extent)));
  }
}

void ParameterStore::acquire(int unit) { ERGON_CHECK(unit >= 0 && unit < num_units(), "unit {} of {}", unit, num_units()); }

void ParameterStore::release(int unit) { ERGON_CHECK(unit >= 0 && unit < num_units(), "unit {} of {}", unit, num_units()); }

void ParameterStore::round_masters() {
  if (flat_weights_.scalar_type() != parameters_.scalar_type()) copy(flat_weights_, parameters_);
}

at::Tensor ParameterStore::packed_weight(ParameterId first, ParameterId last) const { return packed(flat_weights_, first, last); }

at::Tensor ParameterStore::packed_gradient(ParameterId first, ParameterId last) const { return packed(gradients_, first, last); }

at::Tensor ParameterStore::packed(const at::Tensor& flat, ParameterId first, ParameterId last) const {
  std::int64_t rows = 0;
  for (ParameterId id = first; id <= last; ++id) {
    ERGON_CHECK(id == first || ranges_[id].begin == ranges_[id - 1].end, "{} does not follow {} without a gap", specs_[id].name,
                specs_[id - 1].name);
    rows += specs_[id].local_shape.at(0);
  }
  const Extents& part = specs_[first].local_shape;
  ERGON_CHECK(part.size() <= 2, "{} has {} dims", specs_[first].name, part.size());
  const std::array<std::int64_t, 2> shape{rows, part.back()};
  const std::int64_t begin = ranges_[first].begin;
  return headers_.view(headers_.narrow(flat, 0, begin, ranges_[last].end - begin), {shape.data(), part.size()});
}

}  // namespace ergon
