// SPDX-License-Identifier: Apache-2.0
#include "trainer/crc32c.hpp"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ergon {

namespace {

// A linear map of 32 bits over GF(2): column i is the image of bit i.
using Matrix = std::array<std::uint32_t, 32>;

std::uint32_t apply(const Matrix& matrix, std::uint32_t vector) {
  std::uint32_t sum = 0;
  for (int i = 0; vector != 0; vector >>= 1, ++i) {
    if (vector & 1u) sum ^= matrix[static_cast<std::size_t>(i)];
  }
  return sum;
}

Matrix square(const Matrix& matrix) {
  Matrix result;
  for (std::size_t i = 0; i < 32; ++i) result[i] = apply(matrix, matrix[i]);
  return result;
}

// Element k advances a checksum over 2^k zero bytes.
std::array<Matrix, 62> zero_operators() {
  Matrix bit;
  bit[0] = 0x82f63b78u;  // the polynomial, reflected
  for (std::size_t i = 1; i < 32; ++i) bit[i] = 1u << (i - 1);
  std::array<Matrix, 62> operators;
  operators[0] = square(square(square(bit)));
  for (std::size_t k = 1; k < operators.size(); ++k) operators[k] = square(operators[k - 1]);
  return operators;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t before) {
  // The library takes and gives the complement, takes a non-const pointer that it does not write through, and an int length.
  std::uint32_t state = ~before;
  while (!data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), std::size_t{1} << 30);
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(data.data()));
    state = crc32_iscsi(bytes, static_cast<int>(part), state);
    data = data.subspan(part);
  }
  return ~state;
}

std::uint32_t crc32c(std::string_view text, std::uint32_t before) { return crc32c(std::as_bytes(std::span(text)), before); }

std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::int64_t length_b) {
  static const std::array<Matrix, 62> operators = zero_operators();
  for (std::size_t k = 0; length_b != 0; length_b >>= 1, ++k) {
    if (length_b & 1) a = apply(operators[k], a);
  }
  return a ^ b;
}

std::string crc32c_text(std::uint32_t crc) { return fmt::format("{:08x}", crc); }

std::optional<std::uint32_t> crc32c_from_text(std::string_view text) {
  if (text.size() != 8 || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  std::uint32_t crc = 0;
  std::from_chars(text.data(), text.data() + text.size(), crc, 16);
  return crc;
}

}  // namespace ergon
