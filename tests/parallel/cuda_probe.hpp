// SPDX-License-Identifier: Apache-2.0
// The real libergon_cuda.so seen from outside, by cuda_probe: with the full set of wheels, where there is one, and with the CPU-only set.
#pragma once

#include <string>

namespace ergon {

struct Probed {
  int code = 0;
  double seconds = 0;
  std::string output;
  bool says(const std::string& text) const { return output.find(text) != std::string::npos; }
};

// The torch/lib folder of each set; empty where this machine has none.
std::string full_set();
std::string cpu_set();
// Empty, or why the plugin cannot be tried with `torch_lib`: `if (no_plugin(...) != "") return test::skip(...)`.
std::string no_plugin(const std::string& torch_lib);

Probed probe_cuda(const std::string& way, const std::string& torch_lib, int ranks = 0, const std::string& plugin = "");
// A machine with a driver and a device passes the tests of what is missing by skipping them.
bool driver_here();

}  // namespace ergon
