// SPDX-License-Identifier: Apache-2.0
// SHA-256: the identity of things (stores, tokenizers, documents). Damage is looked for with CRC32C, which is five times faster.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ergon {

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void add(std::span<const std::byte> data);
  void add(std::string_view text);
  std::array<std::byte, 32> digest();  // once
  std::string hex();                   // once; 64 lower-case digits
  void restart();                      // as it was made, also after digest(); allocates nothing

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view text);

}  // namespace ergon
