// SPDX-License-Identifier: Apache-2.0
#include "trainer/events.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

namespace {

std::string written(const std::function<void(EventLog&)>& write) {
  TemporaryFolder folder;
  Storage storage;
  EventLog log(storage, folder / "events.jsonl");
  write(log);
  return storage.read_text(folder / "events.jsonl");
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

}  // namespace

TEST_CASE("a loss reads back to the same bits") {
  for (const double loss : {5.5451774444795623, 0.1 + 0.2, 1e-300, 3.0, std::nextafter(2.0, 3.0), 5e-324}) {
    const std::string text = written([&](EventLog& log) { log.step({1, 1, loss, loss, false, false, 1e-3, 10, 9, 0.5, 0.25}); });
    const StepEvent event = loss_curve(text, "events").at(1);
    CHECK(same_bits(event.loss, loss));
    CHECK(same_bits(event.grad_norm, loss));
    CHECK(event.valid_tokens == 9);
    CHECK(event.data_wait == 0.25);
  }
}

TEST_CASE("pairs of attention are written where they are counted, and read back") {
  const std::string text = written([](EventLog& log) {
    log.step({1, 1, 1.0});
    log.step({1, 2, 1.0, 1.0, false, false, 1e-3, 10, 9, 0.5, 0.25, PairCount{34359738368, 70000000000}});
    for (const std::int64_t pairs : {100, 200}) {
      nlohmann::json fields = {{"step", 2}, {"sequences", 8}, {"seconds", 1.0}};
      EventLog::put_pairs(fields, PairCount{pairs, 3 * pairs});
      log.add("evaluation", 1, fields);
    }
  });
  const auto curve = loss_curve(text, "events");
  CHECK_FALSE(curve.at(1).pairs);
  CHECK(curve.at(2).pairs == PairCount{34359738368, 70000000000});
  CHECK(evaluations_of_attempt(text, "events", 1, 1).pairs == PairCount{300, 900});
  nlohmann::json none = nlohmann::json::object();
  EventLog::put_pairs(none, {});
  CHECK(none.empty());
}

TEST_CASE("a loss that is not finite is null and stays valid JSON") {
  const std::string text = written([](EventLog& log) {
    log.step({1, 1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), false, true, 1e-3, 10, 9, 1, 0});
  });
  CHECK(nlohmann::json::parse(text).at("loss").is_null());
  CHECK(std::isnan(loss_curve(text, "events").at(1).loss));
}

TEST_CASE("the curve follows the surviving lineage") {
  const std::string text = written([](EventLog& log) {
    log.add("attempt", 1, {{"from_step", 0}});
    for (int step = 1; step <= 5; ++step) log.step({1, step, 1.0 * step});
    log.add("attempt", 2, {{"from_step", 3}});
    log.step({2, 4, 40.0});
  });
  const auto curve = loss_curve(text, "events");
  CHECK(curve.size() == 4);
  CHECK(curve.at(3).loss == 3.0);
  CHECK(curve.at(4).loss == 40.0);
  CHECK(steps_of_attempt(text, "events", 1, 3).size() == 2);
}

TEST_CASE("a torn last line is ignored, a damaged earlier one is an error with its number") {
  const std::string text = written([](EventLog& log) {
    log.step({1, 1, 1.0});
    log.step({1, 2, 2.0});
  });
  CHECK(loss_curve(text + R"({"event":"st)", "events").size() == 2);
  CHECK(loss_curve(text + std::string("{\0\0}\n", 5) + text, "events").size() == 2);
  try {
    loss_curve("not json\n" + text, "events.jsonl");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "events.jsonl:1");
    CHECK(error.code() == ExitCode::data);
  }
}

TEST_CASE("a changed digit is damage, and lines of older versions have no checksum") {
  const std::string text = written([](EventLog& log) {
    log.step({1, 1, 1.5});
    log.add("evaluation", 1, {{"step", 1}, {"loss", 2.25}});
  });
  CHECK(loss_curve(text, "e").at(1).loss == 1.5);
  for (const char* digit : {"1.5", "2.25"}) {
    std::string damaged = text;
    damaged[damaged.find(digit)] = '7';
    CHECK_THROWS_WITH(loss_curve(damaged, "e"), Catch::Contains("its checksum does not match"));
  }
  CHECK(loss_curve(R"({"event":"attempt","attempt":1,"from_step":0})"
                   "\n",
                   "e")
            .empty());
}

TEST_CASE("the attention kernel of an attempt stands in its start") {
  const std::string text = R"({"event":"attempt","attempt":1,"from_step":0,"attention":"tiled"}
{"event":"attempt","attempt":2,"from_step":0}
)";
  CHECK(attention_of_attempt(text, "e", 1) == "tiled");
  CHECK(attention_of_attempt(text, "e", 2).empty());
  CHECK(attention_of_attempt(text, "e", 3).empty());
}

TEST_CASE("evaluations behind the ledger's last line are found by what stands before them") {
  const std::string evaluation = R"({"event":"evaluation","attempt":2,"step":6,"loss":1,"valid_tokens":9,"sequences":16,"seconds":0.5})"
                                 "\n";
  const std::string save = R"({"event":"save","attempt":2,"step":6})"
                           "\n";
  const auto sequences = [](const std::string& text, std::int64_t step) { return evaluations_of_attempt(text, "e", 2, step).sequences; };
  CHECK(sequences(evaluation, 5) == 16);
  CHECK(sequences(evaluation + save, 6) == 0);  // the line of step 6 holds it
  CHECK(sequences(save + evaluation, 6) == 16);
  CHECK(sequences(R"({"event":"attempt","attempt":2,"from_step":6})"
                  "\n" +
                      evaluation,
                  6) == 16);
  CHECK(sequences(R"({"event":"save_failed","attempt":2,"step":6})"
                  "\n" +
                      evaluation,
                  6) == 16);
  CHECK(sequences(save + evaluation, 7) == 0);
  CHECK(evaluations_of_attempt(save + evaluation, "e", 1, 0).sequences == 0);
  CHECK(evaluations_of_attempt(evaluation + evaluation, "e", 2, 3).seconds == 1);
}
