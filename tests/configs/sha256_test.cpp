// SPDX-License-Identifier: Apache-2.0
#include "configs/sha256.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("SHA-256 gives the published digests") {
  // FIPS 180-2, appendix B.
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("SHA-256 starts again as it was made, in the middle and behind a digest") {
  Sha256 hash;
  hash.add("x");
  for (int time = 0; time < 2; ++time) {
    hash.restart();
    hash.add("abc");
    CHECK(hash.digest()[0] == std::byte{0xba});
  }
}

TEST_CASE("SHA-256 in parts equals the whole") {
  Sha256 parts;
  parts.add("a");
  parts.add("");
  parts.add("bc");

  CHECK(parts.hex() == sha256_hex("abc"));
}
