// SPDX-License-Identifier: Apache-2.0
// A token store for `ergon bench data` where nobody names one: ids that mean nothing, documents of about 700 tokens, 2 bytes a token.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/storage.hpp"

namespace ergon {

class GeneratedStore {
 public:
  // In `folder`; its file is gone with this object. Throws what writing a store throws.
  GeneratedStore(const std::string& folder, std::int64_t tokens);
  GeneratedStore(const GeneratedStore&) = delete;
  GeneratedStore& operator=(const GeneratedStore&) = delete;
  ~GeneratedStore();
  const std::string& path() const { return path_; }

 private:
  Storage storage_;
  const std::string path_;
};

}  // namespace ergon
