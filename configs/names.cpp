// SPDX-License-Identifier: Apache-2.0
#include "configs/names.hpp"

namespace ergon {

template <>
std::span<const char* const> choices<Norm>() {
  static constexpr const char* words[] = {"layernorm", "rmsnorm"};
  return words;
}

template <>
std::span<const char* const> choices<Positions>() {
  static constexpr const char* words[] = {"learned", "rotary", "none"};
  return words;
}

template <>
std::span<const char* const> choices<Mlp>() {
  static constexpr const char* words[] = {"gelu", "swiglu"};
  return words;
}

template <>
std::span<const char* const> choices<Device>() {
  static constexpr const char* words[] = {"cpu", "cuda"};
  return words;
}

template <>
std::span<const char* const> choices<GemmName>() {
  static constexpr const char* words[] = {"auto", "mkl", "mkl-generic", "mkl-float32", "onednn", "openblas"};
  return words;
}

template <>
std::span<const char* const> choices<DType>() {
  static constexpr const char* words[] = {"float32", "float64", "bfloat16"};
  return words;
}

template <>
std::span<const char* const> choices<DocumentPacking>() {
  static constexpr const char* words[] = {"stream", "best_fit"};
  return words;
}

template <>
std::span<const char* const> choices<Recompute>() {
  static constexpr const char* words[] = {"none", "selective", "core", "full"};
  return words;
}

template <>
std::span<const char* const> choices<LrSchedule>() {
  static constexpr const char* words[] = {"cosine", "linear", "constant", "wsd"};
  return words;
}

template <>
std::span<const char* const> choices<AttentionSharding>() {
  static constexpr const char* words[] = {"ring", "ulysses", "gather_kv", "hybrid"};
  return words;
}

template <>
std::span<const char* const> choices<SequenceLayout>() {
  static constexpr const char* words[] = {"zigzag", "striped", "contiguous"};
  return words;
}

template <>
std::span<const char* const> choices<PipelineSchedule>() {
  static constexpr const char* words[] = {"gpipe", "1f1b", "interleaved", "zero_bubble"};
  return words;
}

template <>
std::span<const char* const> choices<LaunchWith>() {
  static constexpr const char* words[] = {"local", "mpirun", "slurm"};
  return words;
}

template <>
std::span<const char* const> choices<RanksBy>() {
  static constexpr const char* words[] = {"srun", "mpirun"};
  return words;
}

template <>
std::span<const char* const> choices<Binding>() {
  static constexpr const char* words[] = {"auto", "none", "core", "numa"};
  return words;
}

template <>
std::span<const char* const> choices<Comeback>() {
  static constexpr const char* words[] = {"requeue", "chain", "array", "never"};
  return words;
}

}  // namespace ergon
