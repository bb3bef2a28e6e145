// SPDX-License-Identifier: Apache-2.0
#include "configs/sha256.hpp"

#include <openssl/evp.h>

#include "configs/error.hpp"

namespace ergon {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  ERGON_CHECK(state_->context && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "OpenSSL has no SHA-256");
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> data) {
  ERGON_CHECK(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1, "SHA-256 update");
}

void Sha256::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

std::array<std::byte, 32> Sha256::digest() {
  std::array<std::byte, 32> result;
  ERGON_CHECK(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(result.data()), nullptr) == 1, "SHA-256 final");
  return result;
}

// Without a type the context keeps the one it has.
void Sha256::restart() { ERGON_CHECK(EVP_DigestInit_ex(state_->context, nullptr, nullptr) == 1, "SHA-256 restart"); }

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
