// SPDX-License-Identifier: Apache-2.0
// That Python reads it is seen in pytorch_file_test.cpp and tests/interop.
#include "trainer/checkpoint/formats/pickle.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the pickle of one tensor, opcode by opcode") {
  const std::string integer3("\x8a\x08\x03\0\0\0\0\0\0\0", 10), integer2("\x8a\x08\x02\0\0\0\0\0\0\0", 10),
      integer0("\x8a\x08\0\0\0\0\0\0\0\0", 10), integer1("\x8a\x08\x01\0\0\0\0\0\0\0", 10), integer6("\x8a\x08\x06\0\0\0\0\0\0\0", 10);
  const auto text = [](const std::string& value) {
    return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
  };
  const std::string expected = std::string("\x80\x02}(") + text("w.x") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                               "ctorch\nFloatStorage\n" + text("0") + text("cpu") + integer6 + "tQ" + integer0 + "(" + integer2 + integer3 +
                               "t(" + integer3 + integer1 + "t\x89" + "ccollections\nOrderedDict\n)RtRu.";
  CHECK(state_dict_pickle({{"w.x", at::kFloat, {2, 3}, {}}}) == expected);
}

TEST_CASE("storages are numbered, and named by the type") {
  const std::string pickle = state_dict_pickle({{"a", at::kDouble, {}, {}}, {"b", at::kBFloat16, {7}, {}}, {"c", at::kHalf, {1}, {}}});
  for (const char* word : {"DoubleStorage", "BFloat16Storage", "HalfStorage"}) CHECK(pickle.find(word) != std::string::npos);
  CHECK(pickle.find(std::string("X\x01\0\0\0", 5) + "2") != std::string::npos);
  CHECK_THROWS_AS(state_dict_pickle({{"a", at::kLong, {}, {}}}), Bug);
}
