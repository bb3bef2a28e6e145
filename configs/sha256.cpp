// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3.0's newer interface (EVP) allocates whenever a digest begins, and lines of a running step carry one (configs/json_checksum).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "configs/sha256.hpp"

#include <openssl/sha.h>

#include "configs/error.hpp"

namespace ergon {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { restart(); }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::restart() { ERGON_CHECK(SHA256_Init(&state_->context) == 1, "SHA-256 start"); }

void Sha256::add(std::span<const std::byte> data) {
  ERGON_CHECK(SHA256_Update(&state_->context, data.data(), data.size()) == 1, "SHA-256 update");
}

void Sha256::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

std::array<std::byte, 32> Sha256::digest() {
  std::array<std::byte, 32> result;
  ERGON_CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(result.data()), &state_->context) == 1, "SHA-256 final");
  return result;
}

std::string Sha256::hex() {
  std::string text;
  for (std::byte b : digest()) text += fmt::format("{:02x}", std::to_integer<int>(b));
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

}  // namespace ergon
