// SPDX-License-Identifier: Apache-2.0
// CRC32C (Castagnoli polynomial, as iSCSI and the SSE 4.2 instruction): the checksum of everything Ergon stores.
// Example: crc32c of the nine characters "123456789" is e3069283.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ergon {

// The checksum of `data`, or of what came before (whose checksum is `before`) followed by `data`.
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t before = 0);
std::uint32_t crc32c(std::string_view text, std::uint32_t before = 0);

// The checksum of A followed by B from the two checksums and B's length, without reading either again.
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::int64_t length_b);

// Eight lower-case hexadecimal digits.
std::string crc32c_text(std::uint32_t crc);
// The opposite; nullopt for what is not 8 lower-case digits.
std::optional<std::uint32_t> crc32c_from_text(std::string_view text);

}  // namespace ergon
