// SPDX-License-Identifier: Apache-2.0
#include "configs/did_you_mean.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("edit distance counts insertions, deletions, replacements and exchanges") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("steps", "setps") == 1);
  CHECK(edit_distance("steps", "step") == 1);
  CHECK(edit_distance("ab", "ba") == 1);
}

TEST_CASE("the nearest word is proposed only when it is near") {
  std::vector<std::string> known = {"train.steps", "train.batch", "optimizer.lr"};
  CHECK(nearest("train.setps", known) == "train.steps");
  CHECK(nearest("Train.Steps", known) == "train.steps");
  CHECK(nearest("mesh.dp", known).empty());
  CHECK(did_you_mean("train.bach", known) == "did you mean 'train.batch'?");
  CHECK(did_you_mean("wholly unlike", known).empty());
  CHECK(did_you_mean("wholly unlike", known, "look it up") == "look it up");
  CHECK(did_you_mean("train.bach", known, "look it up") == "did you mean 'train.batch'?");
  CHECK(nearest("x", {}).empty());
}

TEST_CASE("a word that was left unfinished goes before a word that looks like it") {
  std::vector<std::string> known = {"a100", "h100-sxm", "h100-pcie", "model.head_width", "model.heads"};
  CHECK(nearest("h100", known) == "h100-sxm");
  CHECK(nearest("model.head", known) == "model.heads");
  CHECK(nearest("h1", known).empty());
}
