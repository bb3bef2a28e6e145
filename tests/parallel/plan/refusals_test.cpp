// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/refusals.hpp"

#include <functional>

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

RunConfig small_run() {
  RunConfig config;
  config.train.batch = 16;
  config.train.microbatch = 4;
  return config;
}

// "key: problem | hint" of each broken rule.
std::vector<std::string> refusals(int world, const std::function<void(RunConfig&)>& change) {
  RunConfig config = small_run();
  change(config);
  std::vector<std::string> text;
  for (const Error& error : plan_refusals(config, world)) text.push_back(error.where() + ": " + error.problem() + " | " + error.hint());
  return text;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("refusals: a run that fits is accepted") {
  CHECK(refusals(1, [](RunConfig&) {}).empty());
  CHECK(refusals(4, [](RunConfig& c) { c.mesh.dp = c.mesh.tp = 2; }).empty());
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.dp = 4; }).empty());
  CHECK(accumulation(small_run()) == 4);
}

TEST_CASE("refusals: each rule names the key and what to set it to") {
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.dp = 0; }) == Lines{"mesh.dp: an axis of 0 ranks | set mesh.dp to 1 or more"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.tp = 3;
                   c.model.ffn_width = 513;
                   c.model.heads = 4;
                   c.model.kv_heads = 1;
                 }) == Lines{"mesh.tp: 4 attention heads cannot be cut into mesh.tp = 3 equal parts | set mesh.tp to a divisor of 4, or "
                             "model.heads to a multiple of 3"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.tp = 2;
                   c.model.heads = 6;
                   c.model.kv_heads = 3;
                 }) == Lines{"mesh.tp: 3 key/value heads can be neither cut into mesh.tp = 2 equal parts nor held by equal groups of ranks "
                             "| set mesh.tp to a divisor or a "
                             "multiple of model.kv_heads = 3"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.tp = 4;
                   c.model.ffn_width = 510;
                 }) == Lines{"mesh.tp: 510 feed-forward columns cannot be cut into mesh.tp = 4 equal parts | set mesh.tp to a divisor of "
                             "510, or model.ffn_width to a multiple "
                             "of 4"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.dp = 2;
                   c.train.batch = 20;
                 }) == Lines{"train.batch: a batch of 20 sequences is not train.microbatch = 4 x mesh.dp = 2 x a whole number of "
                             "microbatches | set train.batch to a multiple of "
                             "8, or train.microbatch = 2"});
  CHECK(refusals(0, [](RunConfig& c) { c.train.microbatch = 0; }) ==
        Lines{"train.batch: a microbatch of 0 sequences | set train.microbatch to 1 or more"});
  CHECK(refusals(8, [](RunConfig& c) { c.mesh.dp = c.mesh.tp = 2; }) ==
        Lines{"mesh: the mesh takes dp 2 x pp 1 x cp 1 x tp 2 = 4 ranks, but 8 were started | start 4 ranks (mpirun -n 4), or set mesh.dp "
              "= 4"});
  const Lines context = refusals(0, [](RunConfig& c) { c.mesh.cp = 3; });
  CHECK(context.size() == 2);
  CHECK(context.at(0) ==
        "model.sequence: a sequence of 128 cannot be cut into 6 equal parts for mesh.cp = 3 and this mesh.layout | set model.sequence to a "
        "multiple of 6");
  CHECK(context.at(1) == "mesh.cp: this build does not do context parallelism yet | set mesh.cp = 1");
}

TEST_CASE("refusals: pipelines and sequence parallelism that the sizes do not allow") {
  const auto pipeline = [](std::int64_t pp, std::int64_t v, PipelineSchedule schedule) {
    return [=](RunConfig& c) {
      c.mesh.pp = pp;
      c.mesh.virtual_stages = v;
      c.mesh.schedule = schedule;
    };
  };
  const auto interleaved = PipelineSchedule::interleaved, one = PipelineSchedule::one_f_one_b;
  CHECK(refusals(0, pipeline(4, 1, one)).empty());
  CHECK(refusals(0, pipeline(2, 2, interleaved)).empty());
  CHECK(refusals(0, pipeline(8, 1, one)) ==
        Lines{"mesh.pp: 4 layers cannot fill 8 pipeline chunks (mesh.pp = 8 x mesh.virtual_stages = 1) | "
              "set mesh.pp x mesh.virtual_stages to at most model.layers = 4"});
  CHECK(refusals(0, pipeline(2, 0, one)) == Lines{"mesh.virtual_stages: 0 chunks a pipeline stage | set mesh.virtual_stages to 1 or more"});
  CHECK(
      refusals(0, pipeline(1, 2, interleaved)) ==
      Lines{
          "mesh.virtual_stages: 2 chunks a stage, but mesh.pp = 1 makes no stages | set mesh.virtual_stages = 1, or mesh.pp to 2 or more"});
  CHECK(refusals(0, pipeline(2, 2, one)) ==
        Lines{"mesh.virtual_stages: 2 chunks a stage need the interleaved schedule | set mesh.schedule = "
              "\"interleaved\", or mesh.virtual_stages = 1"});
  CHECK(refusals(0,
                 [&](RunConfig& c) {
                   pipeline(2, 2, interleaved)(c);
                   c.train.batch = 12;
                 }) ==
        Lines{"mesh.schedule: the interleaved schedule cannot deal 3 microbatches to mesh.pp = 2 stages in equal groups | set "
              "train.batch to a multiple of 8"});
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.sequence_parallel = true; }) ==
        Lines{"mesh.sequence_parallel: sequence parallelism without tensor ranks | set mesh.sequence_parallel = false, or mesh.tp to 2 or "
              "more"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.tp = 4;
                   c.mesh.sequence_parallel = true;
                   c.train.microbatch = 1;
                   c.model.sequence = 126;
                 }) ==
        Lines{"mesh.sequence_parallel: the 126 positions of a microbatch (train.microbatch x model.sequence / mesh.cp) cannot be "
              "cut into mesh.tp = 4 equal parts | set model.sequence or train.microbatch to a multiple of 4, or "
              "mesh.sequence_parallel = false"});
  CHECK(refusals(0, [](RunConfig& c) {
          c.mesh.tp = 4;
          c.mesh.sequence_parallel = true;
          c.train.microbatch = 2;
          c.model.sequence = 126;
        }).empty());
}

TEST_CASE("refusals: what is not built yet is refused, not ignored") {
  const std::pair<const char*, std::function<void(RunConfig&)>> cases[] = {
      {"run.device",
       [](RunConfig& c) {
         c.mesh.pp = 2;
         c.run.device = Device::cuda;
       }},
      {"mesh.ulysses", [](RunConfig& c) { c.mesh.ulysses = 2; }},
      {"mesh.gather_heads", [](RunConfig& c) { c.mesh.gather_heads = 2; }},
      {"mesh.zero", [](RunConfig& c) { c.mesh.zero = 1; }},
      {"run.deterministic", [](RunConfig& c) { c.run.deterministic = true; }},
  };
  for (const auto& [key, change] : cases) {
    const Lines lines = refusals(0, change);
    CHECK(lines.size() == 1);
    CHECK(lines.at(0).find(std::string(key) + ": this build does not do ") == 0);
  }
}

TEST_CASE("refusals: all of them in one Error") {
  RunConfig config = small_run();
  CHECK_NOTHROW(check_plan(config, 1));
  try {
    check_plan(config, 2);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::world);
    CHECK(error.where() == "mesh");
  }
  config.mesh.tp = 3;
  try {
    check_plan(config, 2);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::config);
    const std::string text = error.what();
    CHECK(text.find("for 4 reasons") != std::string::npos);
    CHECK(text.find("model.heads") != std::string::npos);
    CHECK(text.find("mpirun -n 3") != std::string::npos);
  }
}

}  // namespace ergon
