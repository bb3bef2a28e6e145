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
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.dp = 2, c.mesh.zero = 3; }).empty());
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
}

TEST_CASE("refusals: context parallelism that cannot be cut") {
  using enum AttentionSharding;
  const auto context = [](std::int64_t cp, AttentionSharding attention, const std::function<void(RunConfig&)>& more = {}) {
    return refusals(0, [&](RunConfig& c) {
      c.model.sequence = 96;
      c.model.heads = 8;
      c.model.kv_heads = 2;
      c.mesh.cp = cp;
      c.mesh.attention = attention;
      if (more) more(c);
    });
  };
  for (const AttentionSharding attention : {ring, ulysses, gather_kv, hybrid}) CHECK(context(4, attention).empty());
  CHECK(context(3, ulysses).empty());  // heads need not divide
  CHECK(context(8, ring, [](RunConfig& c) { c.model.sequence = 104; }) ==
        Lines{"model.sequence: a sequence of 104 cannot be cut into 16 equal parts for mesh.cp = 8 and this mesh.layout | set "
              "model.sequence to "
              "a multiple of 16"});
  CHECK(context(8, ring, [](RunConfig& c) {
          c.model.sequence = 104;
          c.mesh.layout = SequenceLayout::striped;
        }).empty());
  CHECK(context(8, ulysses, [](RunConfig& c) { c.mesh.tp = 2; }) ==
        Lines{"mesh.attention: 8 ranks exchange 4 query heads, so some would compute none | set mesh.attention = \"ring\", or \"hybrid\" "
              "with a smaller mesh.ulysses"});
  CHECK(context(12, hybrid, [](RunConfig& c) {
          c.model.sequence = 120;
          c.mesh.ulysses = 12;
        }) == Lines{"mesh.attention: 12 ranks exchange 8 query heads, so some would compute none | set mesh.ulysses to 8 or less"});
  CHECK(context(4, hybrid, [](RunConfig& c) { c.mesh.ulysses = 3; }) ==
        Lines{"mesh.ulysses: 4 context ranks cannot be cut into groups of 3 that exchange heads | set mesh.ulysses to a divisor of mesh.cp "
              "= 4"});
  CHECK(context(4, ring, [](RunConfig& c) { c.mesh.ulysses = 2; }) ==
        Lines{"mesh.ulysses: only mesh.attention = \"hybrid\" cuts the context ranks into groups, here of 2 | set mesh.ulysses = 1, or "
              "mesh.attention = \"hybrid\""});
  CHECK(context(4, gather_kv, [](RunConfig& c) { c.mesh.gather_heads = 2; }).empty());
  CHECK(context(4, gather_kv,
                [](RunConfig& c) {
                  c.mesh.gather_heads = 2;
                  c.mesh.tp = 2;
                }) ==
        Lines{"mesh.gather_heads: 1 key/value heads of a rank cannot be gathered 2 at a time | set mesh.gather_heads to a divisor of 1"});
  CHECK(context(4, ring, [](RunConfig& c) { c.mesh.gather_heads = 2; }) ==
        Lines{"mesh.gather_heads: only mesh.attention = \"gather_kv\" gathers heads, here 2 at a time | set mesh.gather_heads = 1, or "
              "mesh.attention = \"gather_kv\""});
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
      Lines{"mesh.virtual_stages: 2 chunks a stage, but mesh.pp = 1 makes no stages | set mesh.virtual_stages = 1, or mesh.pp to 2 or more",
            "mesh.schedule: \"interleaved\" changes nothing with mesh.pp = 1 | leave mesh.schedule out, or set mesh.pp to 2 or more"});
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
              "cut into mesh.tp = 4 equal parts | set mesh.sequence_parallel = false, or model.sequence to a multiple of 4"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.tp = 4;
                   c.mesh.cp = 3;
                   c.mesh.sequence_parallel = true;
                   c.train.microbatch = 1;
                   c.model.sequence = 126;
                 }) ==
        Lines{"mesh.sequence_parallel: the 42 positions of a microbatch (train.microbatch x model.sequence / mesh.cp) cannot be "
              "cut into mesh.tp = 4 equal parts | set mesh.sequence_parallel = false, or model.sequence to a multiple of 12"});
  CHECK(refusals(0, [](RunConfig& c) {
          c.mesh.tp = 4;
          c.mesh.sequence_parallel = true;
          c.train.microbatch = 2;
          c.model.sequence = 126;
        }).empty());
}

TEST_CASE("refusals: how to use an axis of one rank") {
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.attention = AttentionSharding::gather_kv; }) ==
        Lines{"mesh.attention: \"gather_kv\" changes nothing with mesh.cp = 1 | leave mesh.attention out, or set mesh.cp to 2 or more"});
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.layout = SequenceLayout::striped; }) ==
        Lines{"mesh.layout: \"striped\" changes nothing with mesh.cp = 1 | leave mesh.layout out, or set mesh.cp to 2 or more"});
  CHECK(refusals(0, [](RunConfig& c) { c.mesh.schedule = PipelineSchedule::gpipe; }) ==
        Lines{"mesh.schedule: \"gpipe\" changes nothing with mesh.pp = 1 | leave mesh.schedule out, or set mesh.pp to 2 or more"});
  CHECK(refusals(0,
                 [](RunConfig& c) {
                   c.mesh.pp = 2;
                   c.mesh.schedule = PipelineSchedule::interleaved;
                 }) ==
        Lines{"mesh.schedule: \"interleaved\" changes nothing with mesh.virtual_stages = 1 | leave mesh.schedule out, or set "
              "mesh.virtual_stages to 2 or more"});
}

TEST_CASE("refusals: buckets of ZeRO-3, which sends layer by layer") {
  const auto with = [](std::int64_t zero) {
    return [=](RunConfig& c) {
      c.mesh.dp = 2;
      c.mesh.zero = zero;
      c.mesh.bucket = Bytes{1 << 20};
    };
  };
  CHECK(refusals(0, with(1)).empty());
  CHECK(refusals(0, with(3)) == Lines{"mesh.bucket: ZeRO-3 sends the gradients of a layer as one piece, of no other size | leave "
                                      "mesh.bucket out, or set mesh.zero = 1"});
}

TEST_CASE(
    "refusals: the deterministic mode needs sums in a fixed order, which a device's library does not promise for more than two terms") {
  const auto on_device = [](std::int64_t MeshSection::*axis, AttentionSharding attention) {
    return refusals(0, [&](RunConfig& c) {
      c.run.deterministic = true;
      c.run.device = Device::cuda;
      c.mesh.*axis = 4;
      c.mesh.attention = attention;
    });
  };
  CHECK(refusals(0, [](RunConfig& c) {
          c.run.deterministic = true;
          c.run.device = Device::cuda;
          c.mesh.tp = c.mesh.cp = 2;
          c.mesh.attention = AttentionSharding::gather_kv;
        }).empty());
  CHECK(on_device(&MeshSection::cp, AttentionSharding::ring).empty());
  CHECK(on_device(&MeshSection::tp, AttentionSharding::ring) ==
        Lines{"run.deterministic: NCCL adds what mesh.tp = 4 ranks have in an order of its own | set mesh.tp to 2 or less, or run.device = "
              "\"cpu\", or run.deterministic = false"});
  CHECK(on_device(&MeshSection::cp, AttentionSharding::gather_kv) ==
        Lines{"run.deterministic: NCCL adds the gradients of keys that mesh.cp = 4 ranks have gathered in an order of its own | set "
              "mesh.attention = \"ring\", or run.device = \"cpu\", or run.deterministic = false"});
}

TEST_CASE("refusals: ZeRO and the deterministic mode go with pipelines") {
  for (const int zero : {0, 1, 3})
    for (const bool deterministic : {false, true})
      CHECK(refusals(0, [&](RunConfig& c) {
              c.mesh.pp = c.mesh.dp = 2;
              c.mesh.zero = zero;
              c.run.deterministic = deterministic;
            }).empty());
}

TEST_CASE("refusals: stages of a pipeline may be devices") {
  for (const PipelineSchedule schedule : {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b, PipelineSchedule::zero_bubble})
    CHECK(refusals(0, [&](RunConfig& c) {
            c.mesh.pp = 2;
            c.mesh.schedule = schedule;
            c.run.device = Device::cuda;
          }) == Lines{});
}

TEST_CASE("refusals: masks of attention") {
  CHECK(refusals(1, [](RunConfig& c) { c.model.causal = false; }).empty());
  CHECK(refusals(1, [](RunConfig& c) { c.data.document_mask = true; }).empty());
  CHECK(refusals(1,
                 [](RunConfig& c) {
                   c.model.causal = false;
                   c.model.window = 7;
                 }) ==
        Lines{"model.window: a window of the last 7 tokens, but model.causal = false lets a position see what comes after it | "
              "set model.window = 0, or model.causal = true"});
  CHECK(refusals(1, [](RunConfig& c) { c.data.mask_fraction = 0.5; }) ==
        Lines{"data.mask_fraction: a fraction of 0.5 changes nothing with model.causal = true, which learns next tokens | leave "
              "data.mask_fraction out, or set model.causal = false"});
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

TEST_CASE("refusals: owners need ranks to share with, of either axis") {
  for (const std::int64_t zero : {1, 3}) {
    const auto owners = [zero](std::int64_t dp, std::int64_t cp) {
      return refusals(0, [=](RunConfig& c) {
        c.mesh.dp = dp;
        c.mesh.cp = cp;
        c.mesh.tp = 2;
        c.mesh.zero = zero;
      });
    };
    CHECK(owners(1, 1) == Lines{fmt::format("mesh.zero: ZeRO-{} changes nothing with mesh.dp x mesh.cp = 1 | set mesh.zero = 0, or mesh.dp "
                                            "or mesh.cp to 2 or more",
                                            zero)});
    CHECK((owners(2, 1).empty() && owners(1, 2).empty()));
  }
}

}  // namespace ergon
