// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/safetensors_files.hpp"

#include <ATen/ops/arange.h>

#include <filesystem>
#include <fstream>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

LazyTensor counting_up(const std::string& name, Extents shape, at::ScalarType dtype, int start) {
  return {name, dtype, shape, [=] { return at::arange(start, start + num_elements(shape), at::kDouble).to(dtype).view(shape); }};
}

LazyTensors three() {
  return {counting_up("a", {4, 3}, at::kFloat, 0), counting_up("b", {5}, at::kBFloat16, 20), counting_up("c", {2, 2}, at::kDouble, 40)};
}

void check_equal(const LazyTensors& read, const LazyTensors& expected) {
  REQUIRE(read.size() == expected.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].name == expected[i].name);
    CHECK(value_of(read[i]).equal(value_of(expected[i])));
  }
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string folder_refusal(Storage& storage, const std::string& folder) {
  try {
    for (const LazyTensor& tensor : read_safetensors(storage, folder)) tensor.read();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem();
  }
  return "no error";
}

}  // namespace

TEST_CASE("safetensors: one file, written and read") {
  const TemporaryFolder folder;
  Storage storage;
  const Bytes bytes = write_safetensors(storage, folder.path(), three(), {1000});
  CHECK(storage.list(folder.path()) == std::vector<std::string>{"model.safetensors"});
  CHECK(bytes.value == storage.size(folder / "model.safetensors"));
  check_equal(read_safetensors(storage, folder.path()), three());
}

TEST_CASE("safetensors: several files with their index, one tensor at least in each") {
  for (const auto& [shard, files] : {std::pair{60, 2}, {30, 3}, {1, 3}}) {
    const TemporaryFolder folder;
    Storage storage;
    write_safetensors(storage, folder.path(), three(), {shard});
    const auto names = storage.list(folder.path());
    CHECK(static_cast<int>(names.size()) == files + 1);
    CHECK(names.front() == fmt::format("model-00001-of-{:05}.safetensors", files));
    CHECK(storage.read_text(folder / "model.safetensors.index.json").find("\"total_size\": 90") != std::string::npos);
    check_equal(read_safetensors(storage, folder.path()), three());
  }
}

TEST_CASE("safetensors: files and index that do not belong together, links, and types that Ergon does not hold") {
  const TemporaryFolder folder;
  Storage storage;
  write_safetensors(storage, folder.path(), three(), {60});
  const std::string index = folder / "model.safetensors.index.json", second = folder / "model-00002-of-00002.safetensors";
  const std::string text = storage.read_text(index);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    write(index, changed);
    return folder_refusal(storage, folder.path());
  };
  CHECK(with("model-00001", "../m-00001").find("is refused: it is not one component of") != std::string::npos);
  CHECK(with("\"a\"", "\"x\"") == "model-00001-of-00002.safetensors holds tensor 'a', and the index does not say so");
  CHECK(with("\"weight_map\": {", "\"weight_map\": {\"x\": \"model-00002-of-00002.safetensors\",") ==
        "the index lists 4 tensors, the files hold 3");
  CHECK(with("weight_map", "weight_mop").find("this JSON does not say what it should") != std::string::npos);
  CHECK(with("{", std::string(1 << 24, ' ') + "{").find("are refused, the limit of this file is 16777216") != std::string::npos);
  write(index, text);
  fs::rename(second, folder / "elsewhere");
  CHECK(folder_refusal(storage, folder.path()).find("open") != std::string::npos);
  fs::create_symlink("elsewhere", second);
  CHECK(folder_refusal(storage, folder.path()) != "no error");
  fs::remove(index);
  const std::string header = R"({"m":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}} )";
  write(folder / "model.safetensors", std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header + "x");
  CHECK(folder_refusal(storage, folder.path()) == "tensor 'm' has dtype BOOL, which Ergon does not hold");
}
