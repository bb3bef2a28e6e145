// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/damage.hpp"

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

namespace fs = std::filesystem;

std::int64_t below(Random& random, std::int64_t limit) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit)); }

namespace {

void overwrite(const std::string& path, std::int64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset);
  file.write(bytes.data(), std::ssize(bytes));
}

std::int64_t size_of_file(const std::string& path) { return static_cast<std::int64_t>(fs::file_size(path)); }

}  // namespace

const std::array<Damage, 8> damages = {{
    {"a bit flipped", [](const std::string& path,
                         Random& random) { flip_bit(path, below(random, size_of_file(path)), static_cast<int>(below(random, 8))); }},
    {"bytes overwritten",
     [](const std::string& path, Random& random) {
       std::string bytes(8, '\0');
       for (char& byte : bytes) byte = static_cast<char>(random());
       overwrite(path, below(random, std::max<std::int64_t>(1, size_of_file(path) - 8)), bytes);
     }},
    {"a block zeroed",
     [](const std::string& path, Random& random) {
       constexpr std::int64_t block = 512;
       const std::int64_t size = size_of_file(path), begin = below(random, (size + block - 1) / block) * block;
       overwrite(path, begin, std::string(static_cast<std::size_t>(std::min(block, size - begin)), '\0'));
     }},
    {"cut short", [](const std::string& path,
                     Random& random) { fs::resize_file(path, static_cast<std::uintmax_t>(below(random, size_of_file(path)))); }},
    {"made longer",
     [](const std::string& path, Random& random) {
       fs::resize_file(path, static_cast<std::uintmax_t>(size_of_file(path) + 1 + below(random, 5000)));
     }},
    {"missing", [](const std::string& path, Random&) { fs::remove(path); }},
    {"a link to its old self",
     [](const std::string& path, Random&) {
       fs::rename(path, path + ".elsewhere");
       fs::create_symlink(path + ".elsewhere", path);
     }},
    {"a folder of its name",
     [](const std::string& path, Random&) {
       fs::remove(path);
       fs::create_directory(path);
     }},
}};

}  // namespace ergon::test
