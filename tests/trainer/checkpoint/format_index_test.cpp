// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/format.hpp"

using namespace ergon;

namespace {

// A [4, 6] float32 tensor: the left half whole, the right half in two ranges.
CheckpointIndex sample_index() {
  const ShardBox left{{0, 0}, {4, 3}}, right{{0, 3}, {4, 3}};
  return {{{"parameters/w",
            at::kFloat,
            {4, 6},
            {{{left, {0, 12}}, "shard_0000.h5", "/parameters/w[0:4,0:3]", 2048, 48, {0xdeadbeefu}},
             {{right, {0, 7}}, "shard_0000.h5", "/parameters/w[0:4,3:6][0:7]", 4096, 28, {1u}},
             {{right, {7, 12}}, "shard_0001.h5", "/parameters/w[0:4,3:6][7:12]", 2048, 20, {2u}}}}}};
}

Manifest files() { return {{}, {}, "", {}, {{"shard_0000.h5", 5000, 0}, {"shard_0001.h5", 2068, 0}}}; }

std::string refusal(const std::function<void(StoredTensor&)>& change) {
  CheckpointIndex index = sample_index();
  change(index.tensors[0]);
  return error_of([&] { parse_index(to_text(index), "i", files()); });
}

}  // namespace

TEST_CASE("golden: index.json reads back to the same index") {
  const std::string text = to_text(sample_index());
  CHECK(contains(text, R"({
 "schema": "ergon.checkpoint_index.v1",
 "block_bytes": 1048576,
 "tensors": [
  {
   "name": "parameters/w",
   "dtype": "float32",
   "shape": [
    4,
    6
   ],
   "pieces": [
    {
     "box": {
      "offset": [
       0,
       0
      ],
      "extent": [
       4,
       3
      ]
     },
     "range": [
      0,
      12
     ],
     "file": "shard_0000.h5",
     "dataset": "/parameters/w[0:4,0:3]",
     "offset": 2048,
     "bytes": 48,
     "crc32c": "deadbeef"
    },)"));
  CHECK(parse_index(text, "i", files()).tensors == sample_index().tensors);
  CHECK(sample_index().find("parameters/w") != nullptr);
  CHECK(sample_index().find("parameters/v") == nullptr);
  CHECK(sample_index().find("parameters/x") == nullptr);
}

TEST_CASE("an index that cannot be true is refused, whatever is wrong with it") {
  const std::string piece = "a piece of tensor parameters/w ";
  CHECK(contains(refusal([](auto& t) { t.pieces.pop_back(); }), "parameters/w"));              // a hole
  CHECK(contains(refusal([](auto& t) { t.pieces.push_back(t.pieces[0]); }), "parameters/w"));  // an overlap
  CHECK(refusal([](auto& t) { t.pieces[0].piece.box.offset = {0}; }) == piece + "has another number of dims @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].piece.box.offset = {1, 0}; }) == piece + "lies outside it @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].piece.box.extent = {4, std::int64_t{1} << 62}; }) == piece + "lies outside it @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].piece.box.offset = {-1, 0}; }) == piece + "lies outside it @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].piece.range = {0, 13}; }) == piece + "has a wrong range @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].piece.range = {-1, 11}; }) == piece + "has a wrong range @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].bytes = 47; }) == piece + "has a wrong length @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].offset = 4953; }) == piece + "lies outside shard_0000.h5 @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].offset = -1; }) == piece + "lies outside shard_0000.h5 @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].file = "other"; }) == piece + "is in 'other', which the manifest does not have @ i");
  CHECK(refusal([](auto& t) { t.pieces[0].crcs = {1, 2}; }) == piece + "has a wrong number of checksums @ i");
  CHECK(refusal([](auto& t) {
          t.shape = {std::int64_t{1} << 40, std::int64_t{1} << 40};
        }) == "tensor parameters/w has an impossible shape @ i");
  CHECK(refusal([](auto& t) { t.shape = {-4, 6}; }) == "tensor parameters/w has an impossible shape @ i");
}

TEST_CASE("an index of another version, another block size or in disorder is refused") {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = to_text(sample_index());
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { parse_index(text, "i", files()); });
  };
  CHECK(with("index.v1", "index.v2") == "the schema \"ergon.checkpoint_index.v2\" is unknown @ i");
  CHECK(with("1048576", "1048577") == "the block size is not that of version 1 @ i");
  CHECK(with("float32", "complex") == "the dtype 'complex' is unknown @ i");
  CHECK(with("deadbeef", "deadbeeg") == "checksums are not hexadecimal @ i");
  CheckpointIndex twice = sample_index();
  twice.tensors.push_back(twice.tensors[0]);
  CHECK(error_of([&] { parse_index(to_text(twice), "i", files()); }) == "the tensors are not in order of their names @ i");
}

TEST_CASE("tables of ranks travel as text and merge by name; a hole is refused") {
  const StoredTensor w = sample_index().tensors[0];
  StoredTensor first = w, second = w, other{"a", at::kLong, {}, {{{{{}, {}}, {0, 1}}, "shard_0001.h5", "/a", 2100, 8, {3u}}}};
  first.pieces = {w.pieces[0], w.pieces[1]};
  second.pieces = {w.pieces[2]};
  const ShardTable one{StoredFile{"shard_0000.h5", 5000, 9u}, {first}}, two{StoredFile{"shard_0001.h5", 2068, 8u}, {second, other}};
  const ShardTable back = parse_shard_table(to_text(two));
  CHECK(back.file == two.file);
  CHECK(back.tensors == two.tensors);
  CHECK_FALSE(parse_shard_table(to_text(ShardTable{})).file);
  CHECK(merge({one, two}).tensors == std::vector<StoredTensor>{other, w});
  CHECK(contains(error_of([&] { merge({one}); }), "parameters/w"));
  StoredTensor reshaped = second;
  reshaped.shape = {6, 4};
  CHECK_THROWS_AS(merge({one, {two.file, {reshaped}}}), Bug);
}

TEST_CASE("names and sizes of dtypes") {
  CHECK(stored_dtype_name(at::kFloat) == "float32");
  CHECK(stored_dtype_name(at::kBFloat16) == "bfloat16");
  CHECK(dtype_size(at::kDouble) == 8);
  CHECK_THROWS_AS(stored_dtype_name(at::kBool), Bug);
}
