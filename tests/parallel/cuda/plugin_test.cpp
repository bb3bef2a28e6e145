// SPDX-License-Identifier: Apache-2.0
#include "parallel/cuda/plugin.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/parallel/cuda_probe.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("plugin: the real one opens with the full set of wheels and says what it is") {
  if (const std::string why = no_plugin(full_set()); !why.empty()) return test::skip(why);
  const Probed probed = probe_cuda("open", full_set());
  INFO(probed.output);
  CHECK(probed.code == 0);
  CHECK(probed.says("tables " + std::to_string(ERGON_CUDA_TABLE_BYTES) + " bytes"));
  CHECK(probed.says("architectures 80 90 100"));
}

namespace {

template <typename T>
T at(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// For each fat binary that nvcc has put into a library, one a .cu file: the compute capabilities for which it holds machine code. A header
// (magic, u16 version, u16 size, u64 bytes that follow) and entries: u16 kind (2: machine code), at 4 u32 size of the header, at 8 u64
// bytes that follow, at 28 u32 compute capability.
std::vector<std::set<int>> machine_code(const std::string& library) {
  constexpr std::uint32_t magic = 0xBA55ED50;
  const std::string sign(reinterpret_cast<const char*>(&magic), sizeof magic);
  std::vector<std::set<int>> found;
  for (std::size_t begin = library.find(sign); begin != std::string::npos;) {
    std::size_t entry = begin + at<std::uint16_t>(library, begin + 6);
    const std::size_t end = entry + at<std::uint64_t>(library, begin + 8);
    REQUIRE(end <= library.size());
    std::set<int> capabilities;
    for (; entry < end; entry += at<std::uint32_t>(library, entry + 4) + at<std::uint64_t>(library, entry + 8))
      if (at<std::uint16_t>(library, entry) == 2) capabilities.insert(static_cast<int>(at<std::uint32_t>(library, entry + 28)));
    found.push_back(capabilities);
    begin = library.find(sign, end);
  }
  return found;
}

}  // namespace

TEST_CASE("plugin: every kernel file is compiled for every compute capability that it names") {
  if (const std::string why = no_plugin("any"); !why.empty()) return test::skip(why);
  const std::string library = test::read_file(ERGON_TEST_PLUGIN);
  const std::vector<std::set<int>> found = machine_code(library);
  std::size_t sources = 0;
  for (const auto& file : std::filesystem::directory_iterator(ERGON_TEST_KERNELS)) sources += file.path().extension() == ".cu";
  CHECK(sources > 10);
  CHECK(found.size() == sources);
  for (const std::set<int>& capabilities : found) CHECK(capabilities == std::set<int>{80, 90, 100});
}

}  // namespace ergon
