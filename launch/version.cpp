// SPDX-License-Identifier: Apache-2.0
// `ergon version`: what this binary is made of. It starts neither MPI nor a tensor: the figures are those of the headers it was compiled
// with, and of the libraries it is linked to where these can be asked.
#include <fmt/core.h>
#include <hdf5.h>
#include <mpi.h>
#include <toml++/impl/version.h>
#include <torch/headeronly/version.h>

#include <CLI/Version.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "launch/build_info.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "parallel/cuda_library.hpp"

namespace ergon {
namespace {

std::vector<std::pair<std::string, std::string>> versions() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  std::error_code none;
  MPI_Get_library_version(mpi, &length);
  std::string mpi_line = std::string(mpi, static_cast<std::size_t>(length));
  return {
      {"ergon", build_info::version},
      {"compiler", build_info::compiler},
      {"build", build_info::build_type},
      {"system", build_info::system},
      {"torch", TORCH_VERSION},
      {"cuda",
       std::filesystem::exists(cuda_plugin_path(), none) ? "libergon_cuda.so (ergon doctor opens it)" : "libergon_cuda.so is not built"},
      {"mpi", mpi_line.substr(0, mpi_line.find_first_of(",\n"))},
      {"hdf5", fmt::format("{}.{}.{}", major, minor, release)},
      {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
      {"json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"cli11", CLI11_VERSION},
  };
}

}  // namespace

int command_version(int argc, char** argv) {
  bool json = false;
  CommandLine line("ergon version", "Versions of Ergon, its compiler and its libraries");
  line.flag(json, "--json", "print JSON");
  if (!line.parse(argc, argv)) return 0;

  nlohmann::ordered_json object{{"schema", "ergon.version.v1"}};
  for (const auto& [name, version] : versions()) {
    object[name] = version;
    if (!json) std::cout << fmt::format("{:<10} {}\n", name, version);
  }
  if (json) std::cout << object.dump(2) << "\n";
  return 0;
}

}  // namespace ergon
