// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger.hpp"

#include <nlohmann/json.hpp>

#include "accounting/ledger_json.hpp"
#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// A ledger as version 1 wrote it; it must stay readable.
const char* golden =
    R"({"schema":"ergon.ledger.v1","kind":"attempt","attempt":1,"parent":0,"resumed_step":0,"mesh":"1 rank","world_size":1,"device":"h100-sxm","devices":1,"peak":989000000000000.0,"peak_source":"data sheet","parameters":{"total":10,"embedding":4,"non_embedding":6,"matmul":5,"positions":1,"token_table":3},"torn_lines":1,"changes":[{"key":"optimizer.lr","before":"1e-3","after":"2e-3"}]}
{"schema":"ergon.ledger.v1","kind":"interval","attempt":1,"from_step":0,"to_step":2,"tokens":"9007199254740993","valid_tokens":"5","training":{"model":{"6n":"10000000000000000000000001"},"gemm":"18446744073709551616","attention":"7"},"evaluation":{"model":{},"gemm":"0","attention":"0"},"seconds":{"step":1.5,"data_wait":0.1,"evaluation":0.0,"checkpoint":2.0,"startup":3.0},"communication":[{"group":"tp","operation":"all_reduce","calls":3,"bytes":"9007199254740995","seconds":0.5,"exposed":0.25}]}
{"schema":"ergon.ledger.v1","kind":"abandon","attempt":1,"from_step":0}
)";

std::string refusal(const std::string& text) {
  try {
    parse_ledger(text, "runs/a/ledger.jsonl");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.problem();
  }
  return "accepted";
}

// The golden text with one part replaced.
std::string with(const std::string& before, const std::string& after) {
  std::string text = golden;
  const std::size_t at = text.find(before);
  REQUIRE(at != std::string::npos);
  return text.replace(at, before.size(), after);
}

}  // namespace

TEST_CASE("version 1 reads as it was written, integers beyond 53 and 64 bits to the last digit") {
  const Ledger ledger = parse_ledger(golden, "golden");
  REQUIRE(ledger.lines.size() == 3);
  CHECK_FALSE(ledger.torn);
  CHECK(ledger.intact_bytes == std::string(golden).size());
  const auto& start = std::get<AttemptStart>(ledger.lines[0]);
  CHECK(start.peak.value == 989e12);
  CHECK(start.parameters == ParameterCounts{10, 4, 6, 5, 1, 3});
  CHECK(start.changes == std::vector<ConfigChange>{{"optimizer.lr", "1e-3", "2e-3"}});
  const auto& line = std::get<Interval>(ledger.lines[1]);
  CHECK(line.tokens.value == 9007199254740993);
  CHECK(to_decimal(line.training.model.at("6n")) == "10000000000000000000000001");
  CHECK(to_decimal(line.training.hardware()) == "18446744073709551623");
  CHECK(line.seconds.total().value == Approx(6.6));
  CHECK(line.seconds.training().value == Approx(1.6));
  CHECK(line.communication.at(0).bytes.value == 9007199254740995);
  CHECK(std::get<Abandon>(ledger.lines[2]) == Abandon{1, 0});
  CHECK_FALSE(start.allocation);
  CHECK((!line.skew && line.closed.value == 0));
  CHECK(parse_ledger(text_of(ledger.lines), "again").lines == ledger.lines);
}

TEST_CASE("what is formatted parses to the same lines") {
  AttemptStart start = attempt_start(3, 2, 40);
  start.changes = {{"run.folder", "a \"b\"\n", "\\c"}};
  start.measured = {{"gemm", "mkl", {1.25}}};
  start.peak = {1.2345678901234567e14};
  start.allocation = AllocationStamp{{1795914033.123456}, 6, "4711", 2, {1795914000}, {1795914030}};
  Interval stamped = interval(3, 40, 47);
  stamped.closed = {1795914040.654321};
  stamped.skew = RankSkew{46, {0.25}, {0.5}, {1.5}, 2.875, 3, "node3"};
  const std::vector<LedgerLine> lines = {start, stamped, Abandon{3, 40}, interval(3, 40, 40)};
  CHECK(parse_ledger(text_of(lines), "x").lines == lines);
  CHECK(parse_ledger("", "x").lines.empty());
}

TEST_CASE("a line is one line of text, whatever stands in it") {
  AttemptStart start = attempt_start(1);
  start.mesh = "a\nb\xff";  // not UTF-8: replaced, never thrown
  const std::string text = format(start);
  CHECK(text.find('\n') == text.size() - 1);
  CHECK(parse_ledger(text, "x").lines.size() == 1);
}

TEST_CASE("a torn last line is ignored wherever it is cut, and the text before it can be appended to") {
  const std::string first = format(attempt_start(1)), second = format(interval(1, 0, 5));
  for (std::size_t kept = 0; kept < second.size(); ++kept) {
    const Ledger ledger = parse_ledger(first + second.substr(0, kept), "x");
    CHECK(ledger.lines.size() == 1);
    CHECK(ledger.intact_bytes == first.size());
    CHECK(ledger.torn == (kept > 0));
  }
  CHECK_FALSE(parse_ledger(first + second, "x").torn);
  std::string zeros = second;
  zeros.replace(3, 5, 5, '\0');  // a page of it never came to the disk
  CHECK(parse_ledger(first + zeros, "x").torn);
  CHECK(parse_ledger(first + zeros, "x").intact_bytes == first.size());
  CHECK_THROWS(parse_ledger(zeros + first, "x"));
}

TEST_CASE("a damaged whole line is refused with its number") {
  const std::string text = golden;
  CHECK(refusal(with("{\"schema\":\"ergon.ledger.v1\",\"kind\":\"interval\"", "{\"schema\":\"ergon.led"))
            .rfind("runs/a/ledger.jsonl:2: this is not a line of a ledger: ", 0) == 0);
  CHECK(refusal("\n" + text).rfind("runs/a/ledger.jsonl:1: ", 0) == 0);
  CHECK(refusal(text + "[]\n").rfind("runs/a/ledger.jsonl:4: ", 0) == 0);
  CHECK(refusal(with("\"matmul\":5,", "")).find("matmul") != std::string::npos);
}

TEST_CASE("every bit of a line is covered: a flipped one is refused, or was never a line") {
  const std::string first = format(attempt_start(1)), line = format(interval(1, 0, 5));
  for (std::size_t bit = 0; bit < 8 * (line.size() - 1); ++bit) {
    std::string damaged = line;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CAPTURE(damaged);
    CHECK(refusal(first + damaged + first).rfind("runs/a/ledger.jsonl:", 0) == 0);
  }
}

TEST_CASE("a wrong schema, kind or number is refused by name") {
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal(with("ergon.ledger.v1", "ergon.ledger.v2")), Contains("its checksum does not match"));
  CHECK_THROWS_WITH(ledger_line_of({{"schema", "ergon.ledger.v3"}}),
                    Contains("schema 'ergon.ledger.v3' is unknown, this build reads ergon.ledger.v1 and ergon.ledger.v2"));
  CHECK_THAT(refusal(with("\"abandon\"", "\"forget\"")), Contains("kind 'forget' is none of attempt, interval, abandon"));
  CHECK_THAT(refusal(with("\"9007199254740993\"", "\"12x\"")), Contains("'12x' is not a whole number"));
  CHECK_THAT(refusal(with("\"9007199254740993\"", "\"99999999999999999999\"")), Contains("is not a whole number"));
  CHECK_THAT(refusal(with("\"10000000000000000000000001\"", "\"1.5\"")), Contains("1.5"));
  CHECK_THAT(refusal(with("\"18446744073709551616\"", "18")), Contains("string"));
}

TEST_CASE("tallies add up by convention, and communication by group and operation") {
  FlopTally sum{{{"6n", {1}}}, {2}, {3}};
  sum += FlopTally{{{"6n", {10}}, {"exact", {5}}}, {20}, {30}};
  CHECK(sum == FlopTally{{{"6n", {11}}, {"exact", {5}}}, {22}, {33}});
  TimeSplit time{{1}, {2}, {3}, {4}, {5}};
  time += TimeSplit{{10}, {20}, {30}, {40}, {50}};
  CHECK(time == TimeSplit{{11}, {22}, {33}, {44}, {55}});
  const auto rows = merge({{"tp", "all_reduce", 1, {10}, {0.5}, {0.25}}, {"dp", "send", 1, {1}, {1}, {1}}},
                          {{"tp", "all_gather", 4, {40}, {1}, {0}}, {"tp", "all_reduce", 2, {20}, {0.5}, {0.25}}});
  CHECK(rows == std::vector<CommunicationRow>{
                    {"dp", "send", 1, {1}, {1}, {1}}, {"tp", "all_gather", 4, {40}, {1}, {0}}, {"tp", "all_reduce", 3, {30}, {1}, {0.5}}});
}
