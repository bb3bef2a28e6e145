// SPDX-License-Identifier: Apache-2.0
// The power is cut after every operation of `ergon checkpoint export`: what is under its name is what was exported, to the byte, or nothing
// is, and the same export works then, or says what to remove first.
#include "tests/fault/export_state.hpp"
#include "tests/fault/good_state.hpp"
#include "tests/fault/replay.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/export.hpp"

using namespace ergon;
using test::Replay;

namespace {

void check_export(const char* name, const std::string& output, const ExportOptions& options) {
  const TemporaryFolder run, scratch;
  test::InspectingStorage plain;
  const CheckpointReader checkpoint(plain, test::save_model(plain, run / "run", test::tiny_llama()));
  test::Tree good;
  Replay replay(scratch.path(),
                [&](const std::string& folder) { return test::look_at_export(checkpoint, options, folder + "/" + output, good); });
  export_model(replay.storage(), checkpoint, scratch / output, options);
  good = test::read_tree(scratch.path());
  const int end = replay.storage().done();
  replay.check(name, [&](const std::string& seen, int done) { return seen == "whole" || (done < end && seen == "nothing"); });
}

}  // namespace

TEST_CASE("replay: an export of safetensors") { check_export("export of safetensors", "out", {}); }

TEST_CASE("replay: an export of safetensors in several files") {
  ExportOptions options;
  options.shard = {10'000};
  check_export("export in several files", "out", options);
}

TEST_CASE("replay: an export of a pt folder") {
  ExportOptions options;
  options.format = ExportFormat::pt;
  check_export("export of pt", "out", options);
}

TEST_CASE("replay: an export of hdf5") {
  ExportOptions options;
  options.format = ExportFormat::hdf5;
  check_export("export of hdf5", "out.h5", options);
}
