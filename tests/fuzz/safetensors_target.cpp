// SPDX-License-Identifier: Apache-2.0
// A foreign folder of safetensors, with every tensor in it. The first byte says what the input is: f a file, h the header and the data of a
// file whose first eight bytes are made to match, i the index of a folder with one file, which is sound. Header or index end at a line
// that holds a full stop.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/checkpoint/formats/safetensors.hpp"
#include "trainer/checkpoint/formats/safetensors_files.hpp"

namespace ergon::fuzz {

namespace {

constexpr std::string_view border = "\n.\n";
constexpr const char* part_name = "model-00001-of-00001.safetensors";

std::string file_of(std::string_view header, std::string_view data) {
  std::string file;
  for (std::size_t byte = 0; byte < 8; ++byte) file += static_cast<char>(header.size() >> (8 * byte) & 0xff);
  return file.append(header).append(data);
}

// A folder in memory.
const std::string& scratch() {
  static const std::string path = [] {
    const std::string base = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    static std::string kept = base + "/ergon_fuzz_" + std::to_string(::getpid());
    std::filesystem::create_directory(kept);
    std::atexit([] { std::filesystem::remove_all(kept); });
    std::ofstream(kept + "/" + part_name, std::ios::binary) << file_of(
        R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}})", "0123456789");
    return kept;
  }();
  return path;
}

}  // namespace

void read(std::string_view input) {
  if (input.empty()) return;
  const std::string model = scratch() + "/" + safetensors_name, index = scratch() + "/" + safetensors_index_name;
  const std::string_view text = input.substr(1), first = text.substr(0, text.find(border));
  const std::string_view rest = text.substr(std::min(text.size(), first.size() + border.size()));
  ::unlink(index.c_str());
  if (input[0] == 'f') std::ofstream(model, std::ios::binary) << text;
  if (input[0] == 'h') std::ofstream(model, std::ios::binary) << file_of(first, rest);
  if (input[0] == 'i') std::ofstream(index, std::ios::binary) << first;
  try {
    Storage storage;
    for (const LazyTensor& tensor : read_safetensors(storage, scratch())) {
      try {
        value_of(tensor);
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

std::vector<std::string_view> words() {
  return {"{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "null",
          "-1",
          "0",
          "1e3",
          "9223372036854775807",
          "18446744073709551615",
          "\"dtype\":",
          "\"shape\":",
          "\"data_offsets\":",
          "\"__metadata__\":{\"format\":\"pt\"}",
          "\"F32\"",
          "\"F64\"",
          "\"F16\"",
          "\"BF16\"",
          "\"I64\"",
          "\"U8\"",
          "\"F8_E4M3\"",
          "\"BOOL\"",
          "\"weight_map\":",
          "model-00001-of-00001.safetensors",
          "..",
          "/",
          "\\u0000",
          "[[[[[[[[[[[[[[[[",
          std::string_view("\0\0\0\0\0\0\0\0", 8),
          "\xff\xff\xff\xff\xff\xff\xff\x7f",
          "\n.\n"};
}

}  // namespace ergon::fuzz
