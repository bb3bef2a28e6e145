// SPDX-License-Identifier: Apache-2.0
// Makes new inputs out of those that are known, at random.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ergon::fuzz {

class Mutator {
 public:
  static constexpr std::size_t longest = 1 << 14;  // bytes of an input

  Mutator(std::uint64_t seed, std::vector<std::string_view> words) : random_(seed), words_(std::move(words)) {}

  // One to eight changes of one input of the pool, which is not empty.
  std::string operator()(const std::vector<std::string>& pool);

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  void change(std::string& input, const std::vector<std::string>& pool);
  void change_bytes(std::string& input, std::size_t at, const std::string& other);
  std::string number();

  std::mt19937_64 random_;
  std::vector<std::string_view> words_;
};

}  // namespace ergon::fuzz
