// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_folder.hpp"

#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a result reads back") {
  test::TemporaryFolder folder;
  Storage storage;
  const RunFolder run(storage, folder.path());
  CHECK_FALSE(run.read_result());
  run.write_result({ExitCode::saved, "saved", 7, 20, 3, 2.5, std::nullopt});
  const RunResult result = *run.read_result();
  CHECK(result.code == ExitCode::saved);
  CHECK(result.reason == "saved");
  CHECK(result.step == 7);
  CHECK(result.steps == 20);
  CHECK(result.attempt == 3);
  CHECK(result.loss == 2.5);
  CHECK_FALSE(result.validation_loss);
}

TEST_CASE("a loss that is not finite is written as null") {
  test::TemporaryFolder folder;
  Storage storage;
  const RunFolder run(storage, folder.path());
  run.write_result({ExitCode::stopped, "NaN", 1, 2, 1, 0.0 / 0.0, std::nullopt});
  CHECK_FALSE(run.read_result()->loss);
}

TEST_CASE("a damaged result is refused") {
  test::TemporaryFolder folder;
  Storage storage;
  const RunFolder run(storage, folder.path());
  run.write_result({ExitCode::saved, "saved", 7, 20, 3, 2.5, std::nullopt});
  std::string another_step = storage.read_text(run.result());
  another_step.replace(another_step.find("\"step\": 7"), 9, "\"step\": 9");
  for (const std::string& text : {std::string("{\"code\": 0"), another_step}) {
    storage.write_text(run.result(), text);
    try {
      run.read_result();
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::data);
      CHECK(error.where() == run.result());
      CHECK_THAT(error.problem(), Catch::Contains(text == another_step ? "its checksum does not match" : "not a result"));
    }
  }
}

TEST_CASE("a folder has started when it has a ledger; a fresh sibling is the first free number") {
  test::TemporaryFolder folder;
  Storage storage;
  const RunFolder run(storage, folder / "run");
  CHECK_FALSE(run.started());
  CHECK(run.fresh_sibling() == folder / "run-2");
  storage.make_directory(folder / "run");
  storage.make_directory(folder / "run-2");
  storage.write_text(run.ledger(), "");
  CHECK(run.started());
  CHECK(run.fresh_sibling() == folder / "run-3");
}

TEST_CASE("the stored configuration is that of the newest attempt, and a broken one is named") {
  test::TemporaryFolder folder;
  Storage storage;
  const RunFolder run(storage, folder.path());
  const RunConfig config = parse_run_text("", "test", {"data.train=t.h5", "train.batch=16", "mesh.dp=2"});
  storage.write_text(run.config(), to_toml(config));
  CHECK(run.stored_config() == config);
  storage.write_text(run.config(), "[train]\nbatch = many\n");
  CHECK_THROWS_WITH(run.stored_config(), Catch::Contains("config.toml:2:"));
}
