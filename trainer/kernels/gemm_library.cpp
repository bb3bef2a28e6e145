// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm_library.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "configs/error.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {

const std::vector<std::string>& gemm_library_names() {
  static const std::vector<std::string> names = {"mkl", "mkl-generic", "mkl-float32", "onednn", "openblas"};
  return names;
}

std::vector<std::string> gemm_candidates(const std::string& dtype) {
  std::vector<std::string> names = {"mkl"};
  if (!processor_is_intel()) names.push_back("mkl-generic");
  const bool own_bfloat16 = dtype == "bfloat16" && torch_gemm_library().native_bfloat16();
  if (own_bfloat16) names.push_back("mkl-float32");
  if ((dtype == "float32" || own_bfloat16) && onednn_gemm_library() != nullptr) names.push_back("onednn");
  if (!own_bfloat16) names.push_back("openblas");
  return names;
}

std::string default_gemm_library(const std::string& dtype) {
  const bool instruction_pays = !processor_is_intel() || processor_has_bfloat16_tiles();
  return dtype == "bfloat16" && !instruction_pays ? "mkl-float32" : "mkl";
}

const GemmLibrary& open_gemm_library(const std::string& name) {
  if (name == device_gemm_library().name()) return device_gemm_library();
  const auto& names = gemm_library_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Error(fmt::format("no GEMM library is called \"{}\"", name), "run.gemm", fmt::format("choose auto, {}", fmt::join(names, ", ")));
  using Opener = const GemmLibrary* (*)();
  constexpr Opener openers[] = {[] { return &torch_gemm_library(); }, torch_generic_gemm_library, torch_float32_gemm_library,
                                onednn_gemm_library, openblas_gemm_library};
  const GemmLibrary* library = openers[found - names.begin()]();
  if (library == nullptr)
    throw Error(fmt::format("this machine lacks the GEMM library {}", name), "run.gemm",
                name == "openblas" ? "install libopenblas0-openmp, or let \"auto\" choose" : "let \"auto\" choose");
  return *library;
}

}  // namespace ergon
