// SPDX-License-Identifier: Apache-2.0
// The words of a run file for each enumeration, in the order of its values.
#pragma once

#include <cstddef>
#include <span>

#include "configs/run_config.hpp"

namespace ergon {

template <typename Enum>
std::span<const char* const> choices();

template <>
std::span<const char* const> choices<Norm>();
template <>
std::span<const char* const> choices<Positions>();
template <>
std::span<const char* const> choices<Mlp>();
template <>
std::span<const char* const> choices<Device>();
template <>
std::span<const char* const> choices<GemmName>();
template <>
std::span<const char* const> choices<DType>();
template <>
std::span<const char* const> choices<DocumentPacking>();
template <>
std::span<const char* const> choices<Recompute>();
template <>
std::span<const char* const> choices<LrSchedule>();
template <>
std::span<const char* const> choices<AttentionSharding>();
template <>
std::span<const char* const> choices<SequenceLayout>();
template <>
std::span<const char* const> choices<PipelineSchedule>();
template <>
std::span<const char* const> choices<LaunchWith>();
template <>
std::span<const char* const> choices<RanksBy>();
template <>
std::span<const char* const> choices<Binding>();
template <>
std::span<const char* const> choices<Comeback>();

// choice_name(DType::bfloat16) is "bfloat16".
template <typename Enum>
const char* choice_name(Enum value) {
  return choices<Enum>()[static_cast<std::size_t>(value)];
}

}  // namespace ergon
