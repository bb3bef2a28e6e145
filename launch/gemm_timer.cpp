// SPDX-License-Identifier: Apache-2.0
#include "launch/gemm_timer.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/child_process.hpp"
#include "launch/commands.hpp"
#include "trainer/process.hpp"

namespace ergon {

GemmTimer child_gemm_timer() {
  return [](const GemmProbe& probe) -> std::vector<double> {
    const Seconds limit = {probe.limit.value + 2};
    const std::optional<std::string> answer = output_within(limit, {own_path(), "gemm-probe", to_json(probe)});
    const nlohmann::json seconds = nlohmann::json::parse(answer.value_or(""), nullptr, /*allow_exceptions=*/false);
    return seconds.is_array() ? seconds.get<std::vector<double>>() : std::vector<double>();
  };
}

// Prints the seconds of each product, or an empty list where this machine lacks the library.
int command_gemm_probe(int argc, char** argv) {
  if (argc != 2) throw Error("takes one probe", "gemm-probe", "this command is for ergon itself");
  const GemmProbe probe = gemm_probe_from_json(argv[1]);
  prepare_process(probe.threads);
  std::vector<double> seconds;
  try {
    open_gemm_library(probe.library);
    seconds = time_products(probe);
  } catch (const Error&) {
  }
  std::cout << nlohmann::json(seconds).dump() << std::endl;
  return 0;
}

}  // namespace ergon
