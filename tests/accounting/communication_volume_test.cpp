// SPDX-License-Identifier: Apache-2.0
// Each figure here is worked out by hand from the formulas of the header; tests/e2e/communication_test.py compares the same functions with
// what real runs counted.
#include "accounting/communication_volume.hpp"

#include "tests/accounting/small_shape.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// 7336 elements on one rank: a table of 384 x 8 twice, two layers of 592, a norm of 8. 16 positions a sequence, 8 sequences a step.
RunConfig config() {
  RunConfig config;
  config.model = test::small_shape();
  config.train.batch = 8;
  config.train.microbatch = 1;
  config.train.dtype = DType::float64;
  return config;
}

CommunicationVolumes step(const RunConfig& config) { return step_volumes(config, StepUpdate::done); }

// The rows of one group.
CommunicationVolumes of(const CommunicationVolumes& volumes, const std::string& group) {
  CommunicationVolumes rows;
  for (const CommunicationVolume& volume : volumes)
    if (volume.group == group) rows.push_back(volume);
  return rows;
}

}  // namespace

TEST_CASE("communication volume: one rank moves nothing") {
  CHECK(step(config()).empty());
  CHECK(evaluation_volumes(config(), 3).empty());
}

TEST_CASE("communication volume: data ranks sum one bucket, a loss, and the count of labels") {
  RunConfig c = config();
  c.mesh.dp = 4;
  CHECK(step(c) == CommunicationVolumes{{"cp-dp", "all_reduce", 4 + 4, {6 * 7336 * 8 + 6 * 8}}, {"data-dp", "all_reduce", 4, {6 * 8}}});
  c.mesh.bucket = Bytes{1};  // a bucket a unit
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_reduce", 4 * 4 + 4, {6 * 7336 * 8 + 6 * 8}}});
  CHECK(evaluation_volumes(c, 3) == CommunicationVolumes{{"cp-dp", "all_reduce", 4, {6 * 8}}, {"data-dp", "all_reduce", 12, {3 * 6 * 8}}});
  // Of bfloat16 gradients are summed in float32; units are padded to 64 bytes of weights: 3072 + 2 x 640 + 3104.
  c.train.dtype = DType::bfloat16;
  CHECK(of(step(c), "cp-dp").front().bytes.value == 6 * 7456 * 4 + 6 * 8);
}

TEST_CASE("communication volume: tensor ranks sum two branches a layer each way, the embedding, and the head's three") {
  RunConfig c = config();
  c.mesh.tp = 2;
  const std::int64_t x = 16 * 8 * 8, n = 16 * 8;
  CHECK(step(c) == CommunicationVolumes{{"data", "broadcast", 4, {8 * 4 * (2 + 9 + 4) + 8}},
                                        {"tp", "all_reduce", 2 * (80 + 16 + 1), {2 * (80 * x + 8 * n + 8 * 2 * n + 8)}}});
  CHECK(of(evaluation_volumes(c, 1), "tp") == CommunicationVolumes{{"tp", "all_reduce", 2 * (40 + 16), {2 * (40 * x + 8 * 3 * n)}}});
  c.train.recompute = Recompute::full;  // a layer's forward once more
  CHECK(of(step(c), "tp").front().calls == 2 * (80 + 32 + 16 + 1));
  for (const Recompute policy : {Recompute::selective, Recompute::core}) {
    c.train.recompute = policy;
    CHECK(of(step(c), "tp").front().calls == 2 * (80 + 16 + 1));
  }
  c.mesh.tp = 4;  // two ranks hold each key/value head: 2 x 2 columns of 8
  CHECK(of(step(c), "kv_replicas") == CommunicationVolumes{{"kv_replicas", "all_reduce", 2 * 2 * 16, {2 * 16 * 2 * 4 * 8 * 8}}});
  c.model.biases = true;
  CHECK(of(step(c), "kv_replicas").front().bytes.value == 2 * 16 * 2 * 4 * 9 * 8);
}

TEST_CASE("communication volume: sequence parallelism gathers and scatters rows, and sums norms once a step") {
  RunConfig c = config();
  c.mesh.tp = 2;
  c.mesh.sequence_parallel = true;
  const std::int64_t x = 16 * 8 * 8, n = 16 * 8;
  CHECK(of(step(c), "tp") == CommunicationVolumes{{"tp", "all_gather", 2 * 120, {120 * x}},
                                                  {"tp", "all_reduce", 2 * 20, {2 * (8 * 3 * n + 8 + 2 * 128 + 64)}},
                                                  {"tp", "reduce_scatter", 2 * 80, {80 * x}}});
  c.train.recompute = Recompute::full;
  CHECK(of(step(c), "tp").front().calls == 2 * (120 + 32));
}

TEST_CASE("communication volume: context ranks, by strategy") {
  RunConfig c = config();
  c.mesh.cp = 4;
  CHECK(of(step(c), "cp") == CommunicationVolumes{{"cp", "ring_shift", 12 * 48, {12 * 32 * 8 * 48}}});
  CHECK(of(evaluation_volumes(c, 1), "cp") == CommunicationVolumes{{"cp", "ring_shift", 12 * 16, {12 * 32 * 8 * 16}}});
  c.train.recompute = Recompute::core;
  CHECK(of(step(c), "cp") == CommunicationVolumes{{"cp", "ring_shift", 12 * 64, {12 * 32 * 8 * 64}}});
  c.train.recompute = Recompute::none;
  c.train.dtype = DType::bfloat16;  // keys and values in 2 bytes, their gradients in 4
  CHECK(of(step(c), "cp") == CommunicationVolumes{{"cp", "ring_shift", 12 * 48, {12 * 32 * 16 * (2 + 2 + 4)}}});
  c.train.dtype = DType::float64;

  c.mesh.attention = AttentionSharding::ulysses;  // a query and a key head each
  CHECK(of(step(c), "cp") == CommunicationVolumes{{"cp", "all_to_all", 4 * 16 * 5, {16 * 24 * 8 * (12 + 4 + 8 + 8)}}});
  c.mesh.attention = AttentionSharding::gather_kv;
  CHECK(of(step(c), "cp") ==
        CommunicationVolumes{{"cp", "all_gather", 4 * 64, {3 * 64 * 64 * 8}}, {"cp", "reduce_scatter", 4 * 32, {3 * 32 * 64 * 8}}});
  c.mesh.attention = AttentionSharding::hybrid;
  c.mesh.ulysses = 2;
  CHECK(of(step(c), "cp").empty());
  CHECK(of(step(c), "cp-exchange") ==
        CommunicationVolumes{{"cp-exchange", "all_to_all", 2 * 2 * 16 * 5, {2 * 16 * 8 * 8 * (8 + 4 + 8 + 4)}}});
  CHECK(of(step(c), "cp-ring") == CommunicationVolumes{{"cp-ring", "ring_shift", 2 * 2 * 48, {2 * 64 * 8 * 48}}});
}

TEST_CASE("communication volume: stages pass each boundary forward and back, and sum a tied table") {
  RunConfig c = config();
  c.mesh.pp = 2;
  const std::int64_t x = 16 * 8 * 8;
  CHECK(of(step(c), "pp") ==
        CommunicationVolumes{{"pp", "all_reduce", 4, {2 * 2 * 8}}, {"pp", "recv", 8, {0}}, {"pp", "send", 8, {8 * x}}});
  CHECK(of(step(c), "pp-gradients") == CommunicationVolumes{{"pp-gradients", "recv", 8, {0}}, {"pp-gradients", "send", 8, {8 * x}}});
  CHECK(of(evaluation_volumes(c, 1), "pp") ==
        CommunicationVolumes{{"pp", "all_reduce", 2, {2 * 8}}, {"pp", "recv", 8, {0}}, {"pp", "send", 8, {8 * x}}});
  CHECK(of(evaluation_volumes(c, 1), "pp-gradients").empty());
  CHECK(of(step(c), "embedding").empty());
  c.model.tied = true;
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 2, {2 * 384 * 8 * 8}}});
  c.model.layers = 4;
  c.mesh.virtual_stages = 2;
  c.mesh.schedule = PipelineSchedule::interleaved;
  CHECK(of(step(c), "pp-gradients").back() == CommunicationVolume{"pp-gradients", "send", 3 * 8, {3 * 8 * x}});
}

TEST_CASE("communication volume: owners of ZeRO-1 and ZeRO-3, and of the deterministic mode") {
  RunConfig c = config();
  c.mesh.dp = 2;
  const std::int64_t all = 7344 * 8;  // the head padded to equal parts of cache lines: 3088
  c.mesh.zero = 1;
  const CommunicationVolume sums{"cp-dp", "all_reduce", 4, {2 * 2 * 8}};  // loss and norm
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_gather", 2, {all}}, sums, {"cp-dp", "reduce_scatter", 2, {all}}});
  CHECK(of(step_volumes(c, StepUpdate::skipped), "cp-dp") == CommunicationVolumes{sums, {"cp-dp", "reduce_scatter", 2, {all}}});
  c.mesh.zero = 3;  // four units, four microbatches; the embedding is not gathered for its backward
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_gather", 2 * 7 * 4, {4 * (2 * all - 3072 * 8)}},
                                                     sums,
                                                     {"cp-dp", "reduce_scatter", 2 * 4 * 4, {4 * all}}});
  CHECK(of(evaluation_volumes(c, 3), "cp-dp") ==
        CommunicationVolumes{{"cp-dp", "all_gather", 2 * 4 * 12, {12 * all}}, {"cp-dp", "all_reduce", 2, {2 * 8}}});
  c.run.deterministic = true;
  c.mesh.zero = 0;
  const CommunicationVolume losses{"cp-dp", "all_reduce", 2, {2 * 4 * 2 * 8}};
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_gather", 2, {all}}, losses, {"cp-dp", "all_to_all", 2 * 4, {4 * all}}});
  CHECK(of(evaluation_volumes(c, 3), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_reduce", 2, {2 * 12 * 2 * 8}}});
  c.mesh.zero = 1;  // 21 parameters, a block of squares each; 8 lanes handed from owner to owner
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_gather", 2, {all}},
                                                     {"cp-dp", "all_reduce", 4, {2 * 4 * 2 * 8 + 2 * 21 * 8}},
                                                     {"cp-dp", "all_to_all", 2 * 4, {4 * all}},
                                                     {"cp-dp", "recv", 1, {0}},
                                                     {"cp-dp", "send", 1, {64}}});
}

TEST_CASE("communication volume: stages under ZeRO-3 gather what their passes read and owners meet over a tied table") {
  RunConfig c = config();
  c.mesh.dp = 2;
  c.mesh.pp = 2;
  c.mesh.zero = 3;  // a table and a layer; a layer and the head. Four microbatches.
  CHECK(of(step(c), "cp-dp") == CommunicationVolumes{{"cp-dp", "all_gather", 2 * 7 * 4, {4 * (3072 + 2 * 592 + 2 * 592 + 2 * 3088) * 8}},
                                                     {"cp-dp", "all_reduce", 8, {4 * 2 * 8}},
                                                     {"cp-dp", "reduce_scatter", 2 * 4 * 4, {4 * 7344 * 8}}});
  c.model.tied = true;                     // the last stage has the table too, for both passes, and a head of 8 elements, padded to 16
  c.model.positions = Positions::learned;  // a unit of 128 on the first stage
  CHECK(of(step(c), "cp-dp").front() ==
        CommunicationVolume{"cp-dp", "all_gather", 2 * 10 * 4, {4 * (3072 + 128 + 2 * 592 + 2 * 3072 + 2 * 592 + 2 * 16) * 8}});
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 2 * 2, {2 * 2 * 1536 * 8}}});
  CHECK(of(evaluation_volumes(c, 1), "cp-dp").front() ==
        CommunicationVolume{"cp-dp", "all_gather", 2 * 6 * 4, {4 * (3072 + 128 + 592 + 3072 + 592 + 16) * 8}});
  c.mesh.zero = 1;
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 2 * 2, {2 * 2 * 3072 * 8}}});
  c.run.deterministic = true;  // a bucket for each group of units that one backward finishes: the table alone
  CHECK(of(step(c), "cp-dp").front().calls == 2 * 4);
  CHECK(of(step(c), "embedding").front().bytes.value == 2 * 2 * 1536 * 8);
}

TEST_CASE("communication volume: owners on the stages of a pipeline; those of a tied table sum what they own of it") {
  RunConfig c = config();
  c.model.tied = true;
  c.mesh.dp = c.mesh.pp = 2;
  c.mesh.zero = 3;
  // Units of 3072 and 592 elements, and of 3072, 592 and 16; four microbatches. The first table is gathered for its forward only.
  const CommunicationVolume gathered{"cp-dp", "all_gather", 2 * (3 + 6) * 4, {4 * 8 * (3072 + 2 * 592 + 2 * 3680)}};
  const std::int64_t all = (3664 + 3680) * 8;
  CHECK(of(step(c), "cp-dp") ==
        CommunicationVolumes{gathered, {"cp-dp", "all_reduce", 8, {4 * 2 * 8}}, {"cp-dp", "reduce_scatter", 2 * 5 * 4, {4 * all}}});
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 4, {2 * 2 * 1536 * 8}}});
  CHECK(of(evaluation_volumes(c, 1), "cp-dp").front() == CommunicationVolume{"cp-dp", "all_gather", 2 * 5 * 4, {4 * all}});
  // Without ZeRO-3 a bucket has all units, but the table leaves alone where every microbatch's gradient does.
  c.mesh.zero = 0;
  CHECK(of(step(c), "cp-dp").front() == CommunicationVolume{"cp-dp", "all_reduce", 2 * 2 + 4, {2 * (3664 + 3672) * 8 + 2 * 2 * 8}});
  c.run.deterministic = true;
  CHECK(of(step(c), "cp-dp").back() == CommunicationVolume{"cp-dp", "all_to_all", 2 * 4 * 4, {4 * all}});
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 4, {2 * 2 * 1536 * 8}}});
  c.mesh.dp = 1;
  CHECK(of(step(c), "embedding") == CommunicationVolumes{{"embedding", "all_reduce", 2, {2 * 3072 * 8}}});
}

TEST_CASE("communication volume: sums of host tensors have groups of their own beside a device's") {
  RunConfig c = config();
  c.mesh.dp = 2;
  c.mesh.tp = 2;
  c.run.device = Device::cuda;
  CHECK(of(step(c), "host-cp-dp") == CommunicationVolumes{{"host-cp-dp", "all_reduce", 4, {2 * 2 * 8}}});
  CHECK(of(step(c), "host-tp") == CommunicationVolumes{{"host-tp", "all_reduce", 4, {2 * 2 * 8}}});
  CHECK(of(step(c), "cp-dp").front().calls == 4);
  CHECK((axes_of_group("host-cp-dp") == "cp-dp" && axes_of_group("kv_replicas") == "tp" && axes_of_group("data") == "tp-cp-pp"));
  CHECK(axes_of_group("nobody").empty());
  CHECK((why_not_predicted("tp").empty() && !why_not_predicted("control").empty() && !why_not_predicted("nobody").empty()));
}

TEST_CASE("communication volumes add up in order, so many times over") {
  CommunicationVolumes sum;
  add(sum, {{"tp", "all_reduce", 2, {10}}, {"tp", "send", 1, {5}}}, 3);
  add(sum, {{"cp", "send", 1, {1}}, {"tp", "send", 1, {1}}});
  add(sum, {{"zz", "send", 1, {1}}}, 0);
  CHECK(sum == CommunicationVolumes{{"cp", "send", 1, {1}}, {"tp", "all_reduce", 6, {30}}, {"tp", "send", 4, {16}}});
}
