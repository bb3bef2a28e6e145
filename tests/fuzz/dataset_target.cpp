// SPDX-License-Identifier: Apache-2.0
// The dataset file that lists the shards of a dataset.
#include <sys/mman.h>
#include <unistd.h>

#include "configs/error.hpp"
#include "tests/fuzz/target.hpp"
#include "trainer/data/dataset_file.hpp"

namespace ergon::fuzz {

void read(std::string_view input) {
  static const int memory = ::memfd_create("dataset.json", 0);
  if (::ftruncate(memory, 0) != 0 || ::pwrite(memory, input.data(), input.size(), 0) < 0) return;
  Storage storage;
  try {
    to_json(read_dataset("/proc/self/fd/" + std::to_string(memory), storage));
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
          "\"schema\": ",
          "\"shards\": ",
          "\"name\": ",
          "\"uuid\": ",
          "\"content_hash\": ",
          "\"tokens\": ",
          "\"documents\": ",
          "\"tokenizer_kind\": ",
          "\"tokenizer_sha256\": ",
          "..",
          "/",
          "\\u0000",
          "[[[[[[[[[[[[[[[["};
}

}  // namespace ergon::fuzz
