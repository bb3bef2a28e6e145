// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/format.hpp"

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;

namespace {

Manifest sample_manifest() {
  return {{"0123456789abcdef0123456789abcdef", 1200, 3},
          CheckpointId{"fedcba9876543210fedcba9876543210", 1000, 2},
          "00000000000000000000000000000001",
          {true, false},
          {{"shard_0000.h5", 4096, 0x1234abcdu}, {"index.json", 10, 7u}}};
}

}  // namespace

// The bytes of format version 1, frozen.
TEST_CASE("golden: MANIFEST.json") {
  const std::string body = R"({
 "schema": "ergon.checkpoint_manifest.v1",
 "id": {
  "uuid": "0123456789abcdef0123456789abcdef",
  "step": 1200,
  "attempt": 3
 },
 "parent": {
  "uuid": "fedcba9876543210fedcba9876543210",
  "step": 1000,
  "attempt": 2
 },
 "run": "00000000000000000000000000000001",
 "health": {
  "finite": true,
  "inside_window": false
 },
 "files": [
  {
   "name": "shard_0000.h5",
   "bytes": 4096,
   "crc32c": "1234abcd"
  },
  {
   "name": "index.json",
   "bytes": 10,
   "crc32c": "00000007"
  }
 ])";
  CHECK(to_text(sample_manifest()) == body + ",\n \"crc32c\": \"" + crc32c_text(crc32c(body)) + "\"\n}\n");
}

TEST_CASE("a manifest reads back, and one changed byte anywhere is refused") {
  const std::string text = to_text(sample_manifest());
  const Manifest back = parse_manifest(text, "m");
  CHECK(back.id == sample_manifest().id);
  CHECK(back.parent == sample_manifest().parent);
  CHECK(back.run_uuid == sample_manifest().run_uuid);
  CHECK(back.health == sample_manifest().health);
  CHECK(back.files == sample_manifest().files);
  CHECK(back.find("index.json")->crc == 7u);
  CHECK(back.find("index") == nullptr);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    CAPTURE(i);
    CHECK_THROWS_AS(parse_manifest(bad, "m"), Error);
    CHECK_THROWS_AS(parse_manifest(text.substr(0, i), "m"), Error);
  }
  CHECK(error_of([&] { parse_manifest("{}", "m"); }) == "the manifest is cut short: it has no checksum of its own @ m");
  CHECK(error_of([&] { parse_manifest(text + " ", "m"); }) == "the manifest's own checksum does not match @ m");
}

TEST_CASE("a manifest without parent") {
  Manifest manifest = sample_manifest();
  manifest.parent.reset();
  CHECK_FALSE(parse_manifest(to_text(manifest), "m").parent);
}

TEST_CASE("golden: state.json reads back to the same state") {
  const RunState state = state_of(7);
  const std::string text = to_text(state);
  CHECK(text == R"({
 "schema": "ergon.checkpoint_state.v1",
 "step": 7,
 "tokens": 28672,
 "data": {
  "epoch": 0,
  "index": 224
 },
 "records": {
  "guard": [
   1.5,
   2.25
  ]
 },
 "config": "[run]\nseed = 1\n",
 "mesh": {
  "dp": 2,
  "pp": 1,
  "cp": 1,
  "tp": 2,
  "order": "tp-cp-dp-pp"
 },
 "threads": 1,
 "binary": "b1",
 "cpu": "c1",
 "ledger_lines": 10,
 "health": {
  "finite": true,
  "inside_window": true
 }
}
)");
  const RunState back = parse_state(text, "s");
  CHECK(to_text(back) == text);
  CHECK(back.step == 7);
  CHECK(back.tokens == Tokens{28672});
  CHECK(back.data_state == state.data_state);
  CHECK(back.records == state.records);
  CHECK(back.config == state.config);
  CHECK(back.mesh == state.mesh);
  CHECK(back.ledger_lines == 10);
}

TEST_CASE("states that are no states") {
  RunState state = state_of(7);
  state.data_state = "no json";
  CHECK_THROWS_AS(to_text(state), Bug);
  CHECK(contains(error_of([] { parse_state(R"({"schema":"ergon.checkpoint_state.v9"})", "s"); }),
                 "the schema \"ergon.checkpoint_state.v9\" is unknown"));
  CHECK(contains(error_of([] { parse_state(R"({"schema":"ergon.checkpoint_state.v1"})", "s"); }), "key 'step' not found"));
}
