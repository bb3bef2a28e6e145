// SPDX-License-Identifier: Apache-2.0
#include "accounting/parameters.hpp"

#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("published models have their published number of parameters") {
  CHECK(count_parameters(gpt2_124m()).total == 124'439'808);
  CHECK(count_parameters(gpt2(24, 1024, 16)).total == 354'823'168);
  CHECK(count_parameters(gpt2(36, 1280, 20)).total == 774'030'080);
  CHECK(count_parameters(gpt2_1558m()).total == 1'557'611'200);
  CHECK(count_parameters(llama2_7b()).total == 6'738'415'616);
  CHECK(count_parameters(llama3_8b()).total == 8'030'261'248);
  CHECK(count_parameters(llama3_70b()).total == 70'553'706'496);
}

TEST_CASE("GPT-2 without biases matches the count of nanoGPT's notebook, norms without bias too") {
  ModelShape shape = gpt2_124m();
  shape.biases = false;
  const ParameterCounts counts = count_parameters(shape);
  CHECK(counts.total == 124'337'664);
  CHECK(counts.token_table == 38'597'376);
  CHECK(counts.positions == 786'432);
  CHECK(counts.matmul == 123'532'032);  // 12 blocks of 12 d^2, and the head once
}

TEST_CASE("the parts of the count fit together, tied or not") {
  ModelShape shape = tiny();  // D 24, H 4, K 2, Q 8, F 40, V 257, L 2, no biases, untied
  // Attention: query and output 24*32, key and value 24*16; MLP 3*24*40; two norms of 24 a layer, one at the end.
  const std::int64_t layer = 2 * 24 * 32 + 2 * 24 * 16 + 3 * 24 * 40;
  ParameterCounts counts = count_parameters(shape);
  CHECK(counts.matmul == 2 * layer + 257 * 24);
  CHECK(counts.non_embedding == 2 * (layer + 2 * 24) + 24);
  CHECK(counts.embedding == 2 * 257 * 24);
  CHECK(counts.total == counts.embedding + counts.non_embedding);
  shape.tied = true;
  counts = count_parameters(shape);
  CHECK(counts.embedding == 257 * 24);
  CHECK(counts.matmul == 2 * layer + 257 * 24);
  shape.biases = true;  // query 32, key and value 16 each, output 24, gate and up 40 each, down 24; RMSNorm has none
  CHECK(count_parameters(shape).total == counts.total + 2 * (32 + 2 * 16 + 24 + 2 * 40 + 24));
}
