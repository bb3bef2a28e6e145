// SPDX-License-Identifier: Apache-2.0
// What the interop test needs of Ergon beside the program: a checkpoint with every element random, and the logits of one.
//   interop_probe make RUN FLOAT32|FLOAT64 KEY=VALUE...   [model] keys; a run folder with one checkpoint
//   interop_probe logits RUN FILE TOKEN...                [T, V] doubles, native byte order
#include <cstdlib>
#include <iostream>

#include "tests/trainer/checkpoint/formats/tiny_models.hpp"

using namespace ergon;

namespace {

int make(const std::vector<std::string>& words) {
  std::vector<std::string> keys;
  for (std::size_t i = 2; i < words.size(); ++i) keys.push_back("model." + words[i]);
  const ModelShape model = parse_run_text("", "interop_probe", keys, Purpose::describe).model;
  Storage storage;
  std::cout << test::save_model(storage, words.at(0), model, words.at(1) == "float64" ? at::kDouble : at::kFloat) << "\n";
  return 0;
}

int logits(const std::vector<std::string>& words) {
  std::vector<std::int64_t> tokens;
  for (std::size_t i = 2; i < words.size(); ++i) tokens.push_back(std::stoll(words[i]));
  Storage storage;
  const at::Tensor values = test::logits_of(storage, words.at(0), tokens);
  const Storage::File file = storage.create(words.at(1));
  storage.pwrite(file, {static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()}, 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (!words.empty() && words[0] == "make") return make({words.begin() + 1, words.end()});
    if (!words.empty() && words[0] == "logits") return logits({words.begin() + 1, words.end()});
    std::cerr << "interop_probe make|logits ...\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return EXIT_FAILURE;
}
