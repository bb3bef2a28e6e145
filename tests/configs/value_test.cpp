// SPDX-License-Identifier: Apache-2.0
#include "configs/value.hpp"

#include <limits>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

namespace {

const Value yes{true, "true"}, seven{std::int64_t{7}, "7"}, half{0.5, "0.5"}, thousand{1e3, "1000.0"}, word = Value::text("word");
const Value list{Value::List{word, Value::text("b")}, "['word', 'b']"},
    table{Value::Table{{"a", seven}, {"b", word}}, "{a = 7, b = 'word'}"};
const Value infinite{std::numeric_limits<double>::infinity(), "inf"};

}  // namespace

TEST_CASE("values convert to what a key takes") {
  CHECK(read_boolean(yes));
  CHECK(read_integer(seven, 1, 10, "") == 7);
  CHECK(read_integer(thousand, 1, 2000, "") == 1000);
  CHECK(read_number(half, "") == 0.5);
  CHECK(read_number(seven, "") == 7.0);
  CHECK(read_text(word) == "word");
  CHECK(read_texts(word) == std::vector<std::string>{"word"});
  CHECK(read_texts(list) == std::vector<std::string>{"word", "b"});
  CHECK(read_text(*read_table(table, {"b", "a"}, "")[0]) == "word");
}

TEST_CASE("a mismatch says what is taken and what was given") {
  CHECK(refusal([] { read_boolean(word); }) == "takes true or false, not 'word'");
  CHECK(refusal([] { read_integer(half, 1, 10, "from 1 to 10"); }) == "takes a whole number from 1 to 10, not 0.5");
  CHECK(refusal([] { read_integer(seven, 8, 1 << 20, ">= 8"); }) == "takes a whole number >= 8, not 7");
  CHECK(refusal([] { read_integer(seven, 1, 6, ">= 1"); }) == "takes a whole number from 1 to 6, not 7");
  CHECK(refusal([] { read_integer(yes, 1, 6, ""); }) == "takes a whole number, not true");
  CHECK(refusal([] { read_number(word, "> 0"); }) == "takes a number > 0, not 'word'");
  CHECK(refusal([] { read_number(infinite, ""); }) == "takes a number, not inf");
  CHECK(refusal([] { read_text(seven); }) == "takes a text, not 7\n  hint: put it between quotes");
  CHECK(refusal([] { read_texts(seven); }) == "takes a text or a list of texts, not 7");
  CHECK(refusal([] { read_texts(Value{Value::List{seven}, "[7]"}); }) == "takes a text or a list of texts, not [7]");
  for (const std::vector<std::string>& keys : {std::vector<std::string>{"a"}, {"a", "c"}, {"a", "b", "c"}})
    CHECK(refusal([&] { read_table(table, keys, "{a, c}"); }) == "takes {a, c}, not {a = 7, b = 'word'}");
  CHECK(refusal([] { read_table(list, {"a"}, "a table"); }) == "takes a table, not ['word', 'b']");
  CHECK(refusal([] { read_text(table); }) == "takes a text, not {a = 7, b = 'word'}\n  hint: put it between quotes");
}
