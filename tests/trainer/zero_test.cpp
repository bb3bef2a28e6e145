// SPDX-License-Identifier: Apache-2.0
// ZeRO-1 and ZeRO-3 against one rank that has everything: the mathematics, the bytes that travel, the memory that is taken, checkpoints.
#include <atomic>
#include <cmath>

#include "parallel/plan/zero_memory.hpp"
#include "tests/trainer/mesh_run.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/saver.hpp"
#include "trainer/events.hpp"
#include "trainer/training_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::RankOfRun;
using test::TinyRun;

namespace {

// More keys for a mesh; each name is a folder.
struct Layout {
  const char* name;
  std::vector<std::string> keys;
};

const std::vector<Layout> layouts = {
    {"dp2zero1", {"mesh.dp=2", "mesh.zero=1"}},
    {"dp2zero3", {"mesh.dp=2", "mesh.zero=3"}},
    {"dp4zero1", {"mesh.dp=4", "mesh.zero=1", "mesh.bucket=\"4 KiB\""}},
    {"dp4zero3", {"mesh.dp=4", "mesh.zero=3", "train.microbatch=2"}},
    {"dp2tp2zero1", {"mesh.dp=2", "mesh.tp=2", "mesh.zero=1", "mesh.bucket=\"4 KiB\""}},
    {"dp2tp2zero3", {"mesh.dp=2", "mesh.tp=2", "mesh.zero=3"}},
    {"dp2cp2zero1", {"mesh.dp=2", "mesh.cp=2", "mesh.zero=1"}},
    {"dp2cp2zero3", {"mesh.dp=2", "mesh.cp=2", "mesh.zero=3", "train.recompute=full"}},
    {"cp2zero1", {"mesh.cp=2", "mesh.zero=1", "mesh.layout=\"striped\""}},
    {"cp2zero3", {"mesh.cp=2", "mesh.zero=3", "mesh.attention=\"gather_kv\"", "mesh.layout=\"contiguous\""}},
    {"dp2cp2zero1ulysses", {"mesh.dp=2", "mesh.cp=2", "mesh.zero=1", "mesh.attention=\"ulysses\""}},
    {"dp2cp2zero3ulysses", {"mesh.dp=2", "mesh.cp=2", "mesh.zero=3", "mesh.attention=\"ulysses\"", "train.recompute=core"}},
    {"dp2cp4zero3hybrid", {"mesh.dp=2", "mesh.cp=4", "mesh.zero=3", "mesh.attention=\"hybrid\"", "mesh.ulysses=2"}},
    {"dp2cp2tp2zero1", {"mesh.dp=2", "mesh.cp=2", "mesh.tp=2", "mesh.sequence_parallel=true", "mesh.zero=1", "train.recompute=core"}},
    {"dp2tp2spzero3", {"mesh.dp=2", "mesh.tp=2", "mesh.sequence_parallel=true", "mesh.zero=3", "train.recompute=selective"}},
    {"dp2tp4zero3", {"mesh.dp=2", "mesh.tp=4", "mesh.zero=3", "mesh.order=\"dp-tp-cp-pp\""}},
};
// A table of its own for the head, biases everywhere, positions that are learned: other units, other cuts.
const std::vector<std::string> untied = {"model.tied=false", "model.norm=layernorm", "model.positions=learned", "model.mlp=gelu",
                                         "model.layers=3"};

std::vector<std::string> joined(std::vector<std::string> keys, const std::vector<std::string>& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

void uneven(LoopOptions& options) { options.label_mask = test::uneven_labels; }

// Of operations on float tensors: those of gradients and parameters in a float32 run, as "operation elements" -> how often; and the bytes.
class Seen final : public CommunicationObserver {
 public:
  void completed(const CommunicationEvent& event) override {
    if (event.dtype != at::kFloat) return;
    const std::lock_guard lock(mutex_);
    bytes_ += event.bytes.value;
    ++operations_[fmt::format("{} {}", name(event.operation), event.elements)];
  }
  std::int64_t bytes() const { return bytes_; }
  const std::map<std::string, int>& operations() const { return operations_; }

 private:
  std::mutex mutex_;
  std::int64_t bytes_ = 0;
  std::map<std::string, int> operations_;
};

// All ranks of one step after `warm_up` others; the counts are sums over ranks.
std::pair<std::map<std::string, int>, std::int64_t> seen_in_a_step(const RunConfig& config) {
  Seen seen;
  test::on_mesh(config, [&](RankOfRun& rank) {
    rank.communicators.dp_cp->observe(&seen);
    rank.steps(1);
    rank.communicators.dp_cp->observe(nullptr);
  });
  return {seen.operations(), seen.bytes()};
}

}  // namespace

TEST_CASE("zero: after a step every gradient, the norm, every master, moment and weight are those of one rank") {
  const TinyRun tiny;
  for (const std::vector<std::string>& shape : {std::vector<std::string>{}, untied}) {
    const test::Whole one = test::whole_of_one_rank(tiny.config(shape));
    for (const Layout& layout : layouts) {
      test::Worst worst, scalars;
      test::on_mesh(tiny.config(joined(shape, layout.keys)), [&](RankOfRun& rank) {
        const StepResult result = rank.steps(1);
        scalars.see(std::abs(result.loss - one.result.loss), "loss");
        scalars.see(std::abs(result.grad_norm - one.result.grad_norm), "norm");
        test::compare(rank, one, worst);
      });
      INFO(layout.name << (shape.empty() ? "" : ", untied") << ": " << worst.where() << ", " << scalars.where());
      CHECK(worst.error() <= 1e-12);
      CHECK(scalars.error() <= 1e-12);
      CHECK(worst.seen() > 100);
    }
  }
}

TEST_CASE("zero: 20 losses in fp64 are those of one rank, with accumulation, dropout and valid labels that differ between all parts") {
  const TinyRun tiny;
  const RunConfig one = tiny.config({"train.steps=20", "train.evaluate_every=10", "checkpoint.every=0"});
  tiny.run(one, uneven);
  for (const Layout& layout : layouts) {
    const RunConfig config = tiny.config(
        joined({"train.steps=20", "train.evaluate_every=10", "checkpoint.every=0", "run.folder=\"" + tiny.folder / layout.name + "\""},
               layout.keys));
    const RunResult result = tiny.run(config, uneven);
    INFO(layout.name);
    CHECK(test::worst_difference(tiny.losses(config), tiny.losses(one)) <= 1e-10);
    CHECK(result.validation_loss.has_value());
  }
}

TEST_CASE("zero: a step that is not finite changes nothing on any owner") {
  const TinyRun tiny;
  for (const char* zero : {"mesh.zero=1", "mesh.zero=3"}) {
    test::Worst moved;
    test::on_mesh(tiny.config({"mesh.dp=2", zero}), [&](RankOfRun& rank) {
      const std::vector<OwnedPiece>& pieces = rank.replica.parameters.pieces();
      if (rank.communicators.world->rank() == 1) pieces.front().master.fill_(NAN);  // one owner's part of one parameter
      rank.replica.parameters.round_masters();
      rank.replica.parameters.share_weights();
      std::vector<at::Tensor> before;
      for (const OwnedPiece& piece : pieces) before.push_back(piece.master.clone());
      const StepResult result = rank.steps(1);
      moved.see(result.skipped ? 0 : 1, "not skipped");
      for (std::size_t i = 0; i < pieces.size(); ++i)
        moved.see(at::Tensor(pieces[i].master.nan_to_num(7.0)).equal(before[i].nan_to_num(7.0)) ? 0 : 1, "a master");
      moved.see(rank.replica.first_moment.abs().sum().item<double>(), "a moment");
    });
    INFO(zero << ": " << moved.where());
    CHECK(moved.error() == 0);
  }
}

// Elements of the units of TinyRun's model in float32, counted by hand. Each tensor begins at a multiple of 16, each unit has a multiple of
// 16 n. Embedding: 384 padded rows of 32. Layer: norm 32, qkv 64 x 32 + 64, output 32 x 32 + 32, norm 32, gate and up 128 x 32 + 128, down
// 32 x 64 + 32. Head: norm 32, the table is the embedding's.
constexpr std::int64_t embedding = 384 * 32, layer = 32 + 64 * 32 + 64 + 32 * 32 + 32 + 32 + 128 * 32 + 128 + 32 * 64 + 32, head = 32;

TEST_CASE("zero: what travels over dp is what the formulas say") {
  const TinyRun tiny;
  const auto config = [&](const std::vector<std::string>& keys) {
    return tiny.config(joined({"train.dtype=float32", "mesh.dp=2"}, keys));  // 4 microbatches a rank
  };
  constexpr std::int64_t n = 2, total = embedding + 2 * layer + head, e = 4, microbatches = 4;
  constexpr std::int64_t once = (n - 1) * total * e;  // a reduce_scatter, all_gather or all_to_all of everything
  using Operations = std::map<std::string, int>;
  const auto name = [](const char* operation, std::int64_t elements) { return fmt::format("{} {}", operation, elements); };

  const auto [zero0, bytes0] = seen_in_a_step(config({"mesh.zero=0"}));
  CHECK(zero0 == Operations{{name("all_reduce", total), n}});
  CHECK(bytes0 == 2 * once);

  const auto [zero1, bytes1] = seen_in_a_step(config({"mesh.zero=1"}));
  CHECK(zero1 == Operations{{name("reduce_scatter", total / n), n}, {name("all_gather", total / n), n}});
  CHECK(bytes1 == 2 * once);

  const auto [buckets1, bucket_bytes1] = seen_in_a_step(config({"mesh.zero=1", "mesh.bucket=\"4 KiB\""}));
  Operations of_buckets;
  for (const char* operation : {"reduce_scatter", "all_gather"})
    for (const std::int64_t size : {layer + head, layer, embedding}) of_buckets[name(operation, size / n)] = n;
  CHECK(buckets1 == of_buckets);
  CHECK(bucket_bytes1 == 2 * once);

  // Each unit gathered for forward and again for backward, but for the embedding, whose backward reads no weights: the head, which shares
  // its table, finds it held.
  const auto [zero3, bytes3] = seen_in_a_step(config({"mesh.zero=3"}));
  CHECK(zero3 == Operations{{name("all_gather", embedding / n), n * microbatches},
                            {name("all_gather", layer / n), n * microbatches * 2 * 2},
                            {name("all_gather", head / n), n * microbatches * 2},
                            {name("reduce_scatter", embedding / n), n * microbatches},
                            {name("reduce_scatter", layer / n), n * microbatches * 2},
                            {name("reduce_scatter", head / n), n * microbatches}});
  CHECK(bytes3 == microbatches * (3 * once - (n - 1) * embedding * e));

  const auto [ordered0, ordered_bytes0] = seen_in_a_step(config({"mesh.zero=0", "run.deterministic=true"}));
  CHECK(ordered0 == Operations{{name("all_to_all", total / n), n * microbatches}, {name("all_gather", total / n), n}});
  CHECK(ordered_bytes0 == (microbatches + 1) * once);

  const auto [ordered1, ordered_bytes1] = seen_in_a_step(config({"mesh.zero=1", "run.deterministic=true"}));
  CHECK(ordered1 == ordered0);  // the sums stay, the weights travel
  CHECK(ordered_bytes1 == ordered_bytes0);

  const auto [ordered3, ordered_bytes3] = seen_in_a_step(config({"mesh.zero=3", "run.deterministic=true"}));
  CHECK(ordered_bytes3 == bytes3);
}

TEST_CASE("zero: in the deterministic mode microbatches are added in order") {
  const TinyRun tiny;
  const auto config = [&](int dp, int zero) {
    return tiny.config({"train.dtype=float32", "run.deterministic=true", fmt::format("mesh.dp={}", dp), fmt::format("mesh.zero={}", zero)});
  };
  const test::Whole one = test::whole_of_one_rank(config(1, 0), 2);
  for (const auto& [dp, zero] : {std::pair(4, 0), std::pair(2, 1), std::pair(4, 3)}) {
    test::Worst worst;
    test::on_mesh(config(dp, zero), [&](RankOfRun& rank) {
      const StepResult result = rank.steps(2);
      worst.see(std::abs(result.loss - one.result.loss), "loss");
      worst.see(std::abs(result.grad_norm - one.result.grad_norm), "norm");
      test::compare(rank, one, worst);
    });
    INFO("dp " << dp << " zero " << zero << ": " << worst.where());
    CHECK(worst.error() == 0);
  }
}

TEST_CASE("zero: the memory of parameters, gradients and moments is that of the plan, and falls") {
  const TinyRun tiny;
  for (const char* dtype : {"float32", "bfloat16"}) {
    std::map<std::string, std::int64_t> totals;
    for (const char* ordered : {"false", "true"})
      for (const int zero : {0, 1, 3}) {
        // Many layers: the buffers of two at work are a small part.
        const RunConfig config =
            tiny.config({std::string("train.dtype=") + dtype, "mesh.dp=4", "model.layers=6", fmt::format("mesh.zero={}", zero),
                         std::string("run.deterministic=") + ordered, "mesh.bucket=\"16 KiB\""});
        std::mutex mutex;
        std::string wrong;
        test::on_mesh(config, [&](RankOfRun& rank) {
          const ParameterStore& store = rank.replica.parameters;
          const bool rounds = store.dtype() == at::kBFloat16;
          const StateBytes planned = state_bytes(store.unit_ranges(), {.stage = static_cast<ZeroStage>(zero),
                                                                       .ranks = 4,
                                                                       .deterministic = config.run.deterministic,
                                                                       .units = test::units_of(rank),
                                                                       .weight_size = rounds ? 2 : 4,
                                                                       .bucket = config.mesh.bucket});
          const Bytes moments{static_cast<std::int64_t>(rank.replica.first_moment.nbytes() + rank.replica.second_moment.nbytes())};
          const Bytes allocated = store.allocated() + rank.replica.reduction->buffer_bytes();
          const std::lock_guard lock(mutex);
          if (!(moments == planned.optimizer)) wrong += fmt::format("moments {} not {};", moments.value, planned.optimizer.value);
          if (!(allocated == planned.parameters + planned.gradients))
            wrong += fmt::format("{} not {} + {};", allocated.value, planned.parameters.value, planned.gradients.value);
          totals[fmt::format("{} {}", zero, ordered)] = (allocated + moments).value;
        });
        INFO(dtype << ", zero " << zero << ", deterministic " << ordered);
        CHECK(wrong == "");
      }
    CHECK(totals.at("1 false") < totals.at("0 false"));
    CHECK(totals.at("3 false") < totals.at("1 false"));
    CHECK(totals.at("3 true") < totals.at("1 true"));
  }
}

TEST_CASE("zero: what one stage saved another loads to the bit, on any mesh") {
  const TinyRun tiny;
  const RunConfig one = tiny.config();
  const std::vector<Layout> chain = {{"a", {"mesh.dp=2", "mesh.zero=1"}},
                                     {"b", {"mesh.dp=4", "mesh.zero=3"}},
                                     {"c", {"mesh.dp=2", "mesh.tp=2", "mesh.zero=1"}},
                                     {"d", {"mesh.tp=2", "mesh.zero=0"}},
                                     {"e", {"mesh.dp=3", "mesh.zero=3", "train.batch=9"}}};
  const auto loaded = [&](RankOfRun& rank, const std::string& folder) {
    CheckpointLoader loader(rank.storage, folder, *rank.communicators.control);
    if (!loader.open()) throw std::runtime_error("nothing to load from " + folder);
    loader.load(tensors_of(rank.replica));
    rank.replica.parameters.round_masters();
    rank.replica.parameters.share_weights();
  };
  test::Whole first;
  std::string before;
  for (const Layout& layout : chain) {
    const std::string folder = tiny.folder / layout.name;
    test::InspectingStorage().make_directories(folder);
    const std::string uuid = [&] {
      test::InspectingStorage storage;
      return run_identity(storage, folder);
    }();
    test::Worst failed;
    test::on_mesh(tiny.config(layout.keys), [&](RankOfRun& rank) {
      if (before.empty())
        rank.steps(2);
      else
        loaded(rank, before);
      CheckpointSaver saver(rank.storage, {folder, uuid, 1, rank.communicators.world->rank(), {1}, {}});
      RunState state;
      state.step = 2;
      failed.see(saver.save(tensors_of(rank.replica), state, *rank.communicators.control).error ? 1 : 0, "a save");
    });
    CHECK(failed.error() == 0);
    test::Whole whole;
    test::on_mesh(one, [&](RankOfRun& rank) {
      loaded(rank, folder);
      whole = test::whole_of(rank, {});
    });
    if (before.empty()) first = whole;
    INFO(layout.name);
    for (const auto& [name, of] : whole.parameters)
      for (const char* what : {"master", "first moment", "second moment"}) CHECK(of.at(what).equal(first.parameters.at(name).at(what)));
    before = folder;
  }
}

TEST_CASE("zero: interrupted and resumed equals uninterrupted, bit for bit under one stage, to 1e-10 when the stage changes") {
  const TinyRun tiny;
  const auto keys = [&](const std::string& name, const std::vector<std::string>& more) {
    return tiny.config(joined(
        {"train.steps=8", "train.evaluate_every=0", "checkpoint.every=0", "mesh.dp=2", "run.folder=\"" + tiny.folder / name + "\""}, more));
  };
  const auto cut_short = [&](const RunConfig& config) {
    std::atomic<int> asked = 0;
    const RunResult result = tiny.run(config, [&](LoopOptions& options) {
      options.pending_stop = [&] { return ++asked > 8 ? StopRequest::requeue : StopRequest::none; };
    });
    CHECK(result.code == ExitCode::saved);
  };
  for (const char* zero : {"mesh.zero=1", "mesh.zero=3"}) {
    INFO(zero);
    const RunConfig whole = keys(std::string("whole") + zero, {zero, "train.dtype=bfloat16"}),
                    cut = keys(std::string("cut") + zero, {zero, "train.dtype=bfloat16"});
    tiny.run(whole);
    cut_short(cut);
    CHECK(tiny.run(cut).code == ExitCode::ok);
    CHECK(tiny.losses(cut) == tiny.losses(whole));
  }
  const RunConfig reference = keys("reference", {"mesh.zero=0"});
  tiny.run(reference);
  const std::vector<std::pair<std::string, std::string>> changes = {{"0", "1"}, {"1", "3"}, {"3", "0"}};
  for (const auto& [from, to] : changes) {
    cut_short(keys("to" + to, {"mesh.zero=" + from}));
    const RunConfig changed = keys("to" + to, {"mesh.zero=" + to});
    CHECK(tiny.run(changed).code == ExitCode::ok);
    INFO(from << " to " << to);
    CHECK(test::worst_difference(tiny.losses(changed), tiny.losses(reference)) <= 1e-10);
  }
}
