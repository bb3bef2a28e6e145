// SPDX-License-Identifier: Apache-2.0
// Saved on one mesh, loaded on another, saved there again: byte-exact, over everything that a run of up to 8 ranks may be: dp, tp, pp with
// and without virtual stages, cp, ZeRO 0, 1 and 3, tied and untied heads, key heads held by several ranks, a vocabulary that nothing
// divides. Ranks are threads; the tensors are those of a training run.
#include <atomic>

#include "configs/parse.hpp"
#include "parallel/plan/refusals.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/checkpoint/canonical.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/training_run.hpp"

using namespace ergon;

namespace {

using Keys = std::vector<std::string>;

constexpr std::int64_t step = 5;
constexpr const char* run_uuid = "0123456789abcdef0123456789abcdef";
const Keys untied = {"model.tied=false", "model.mlp=swiglu", "model.norm=rmsnorm", "model.positions=rotary", "model.biases=false"};
const Keys tied = {"model.tied=true"};

RunConfig config_of(const Keys& model, const Keys& mesh) {
  Keys keys = {"model.layers=8",     "model.width=16",     "model.heads=8",        "model.kv_heads=2",
               "model.head_width=2", "model.ffn_width=24", "model.vocabulary=257", "model.sequence=16",
               "train.microbatch=1", "train.batch=840",    "train.dtype=float64"};
  keys.insert(keys.end(), model.begin(), model.end());
  keys.insert(keys.end(), mesh.begin(), mesh.end());
  return parse_run_text("", "test", keys, Purpose::describe);
}

// Each rank of a run on this mesh, as a thread.
void on_ranks(const RunConfig& config, const std::function<void(Replica&, Communicator& control)>& use) {
  run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    Communicators communicators = test::communicators_of(config, std::move(world));
    Replica replica(config, communicators);
    use(replica, *communicators.control);
  });
}

void set_values(const Replica& replica) {
  for (const CheckpointTensor& tensor : tensors_of(replica)) {
    double* data = tensor.data.mutable_data_ptr<double>();
    for_each_element(tensor.global_shape, tensor.piece,
                     [&](std::int64_t local, std::int64_t global) { data[local] = value_of(tensor.name, global, step); });
  }
}

std::int64_t wrong_values(const Replica& replica) {
  std::int64_t wrong = 0;
  for (const CheckpointTensor& tensor : tensors_of(replica)) {
    const double* data = tensor.data.const_data_ptr<double>();
    for_each_element(tensor.global_shape, tensor.piece,
                     [&](std::int64_t local, std::int64_t global) { wrong += data[local] != value_of(tensor.name, global, step); });
  }
  return wrong;
}

// What went wrong on any rank; threads count, the test asks.
using Wrong = std::atomic<std::int64_t>;

void save(Storage& storage, const std::string& run, const Replica& replica, Communicator& control, Wrong& wrong) {
  CheckpointSaver saver(storage, {run, run_uuid, 1, control.rank(), {0}, {}});
  if (saver.save(tensors_of(replica), state_of(step), control).error) ++wrong;
}

// Counts the elements of this rank that are not those that were saved.
void load(Storage& storage, const std::string& run, const Replica& replica, Communicator& control, Wrong& wrong) {
  for (const CheckpointTensor& tensor : tensors_of(replica)) tensor.data.zero_();
  CheckpointLoader loader(storage, run, control);
  if (!loader.open()) ++wrong;
  loader.load(tensors_of(replica));
  wrong += wrong_values(replica);
}

struct Run {
  TemporaryFolder folder;
  std::string checkpoint = folder / "checkpoints/step_00000005.a0001";
};

void make_run(Storage& storage, const Run& run) { storage.write_text(run.folder / "uuid", std::string(run_uuid) + "\n"); }

std::string canonical_bytes(Storage& storage, const Run& run) {
  const std::string folder = run.folder / "canonical";
  resave_canonical(storage, CheckpointReader(storage, run.checkpoint), folder);
  return test::read_file(folder + "/shard_0000.h5") + test::read_file(folder + "/index.json");
}

std::string text(const Keys& keys) { return fmt::format("{}", fmt::join(keys, " ")); }

// Each mesh loads what the one before it saved, and saves it again; every canonical form is that of one rank.
void check_chain(const Keys& model, const std::vector<Keys>& meshes) {
  Storage storage;
  std::string expected;
  std::unique_ptr<Run> before;
  for (const Keys& mesh : meshes) {
    INFO(text(mesh));
    const RunConfig config = config_of(model, mesh);
    REQUIRE(plan_refusals(config, mesh_of(config.mesh).size()).empty());
    auto run = std::make_unique<Run>();
    make_run(storage, *run);
    Wrong wrong = 0;
    on_ranks(config, [&](Replica& replica, Communicator& control) {
      before ? load(storage, before->folder.path(), replica, control, wrong) : set_values(replica);
      save(storage, run->folder.path(), replica, control, wrong);
    });
    REQUIRE(wrong == 0);
    const std::string bytes = canonical_bytes(storage, *run);
    if (expected.empty()) expected = bytes;
    CHECK(bytes == expected);
    before = std::move(run);
  }
}

// Every mesh of up to 8 ranks and every ZeRO stage that the rules accept for this model.
std::vector<Keys> all_meshes(const Keys& model) {
  std::vector<Keys> meshes;
  for (int dp = 1; dp <= 8; ++dp)
    for (int pp = 1; dp * pp <= 8; ++pp)
      for (int cp = 1; dp * pp * cp <= 8; ++cp)
        for (int tp = 1; dp * pp * cp * tp <= 8; ++tp)
          for (const int zero : {0, 1, 3}) {
            const Keys mesh = {fmt::format("mesh.dp={}", dp), fmt::format("mesh.pp={}", pp), fmt::format("mesh.cp={}", cp),
                               fmt::format("mesh.tp={}", tp), fmt::format("mesh.zero={}", zero)};
            try {
              const RunConfig config = config_of(model, mesh);
              if (plan_refusals(config, dp * pp * cp * tp).empty()) meshes.push_back(mesh);
            } catch (const Error&) {  // a mesh that this model does not divide over
            }
          }
  return meshes;
}

void check_all_pairs(const Keys& model) {
  const std::vector<Keys> meshes = all_meshes(model);
  Storage storage;
  std::vector<std::unique_ptr<Run>> runs;
  std::string expected;
  for (const Keys& mesh : meshes) {
    runs.push_back(std::make_unique<Run>());
    make_run(storage, *runs.back());
    INFO(text(mesh));
    Wrong wrong = 0;
    on_ranks(config_of(model, mesh), [&](Replica& replica, Communicator& control) {
      set_values(replica);
      save(storage, runs.back()->folder.path(), replica, control, wrong);
    });
    REQUIRE(wrong == 0);
    const std::string bytes = canonical_bytes(storage, *runs.back());
    if (expected.empty()) expected = bytes;
    CHECK(bytes == expected);
  }
  std::int64_t pairs = 0;
  for (const Keys& mesh : meshes) {
    INFO(text(mesh));
    Run again;
    make_run(storage, again);
    Wrong wrong = 0;
    on_ranks(config_of(model, mesh), [&](Replica& replica, Communicator& control) {
      for (const auto& run : runs) {
        load(storage, run->folder.path(), replica, control, wrong);
        if (control.rank() == 0) ++pairs;
      }
      save(storage, again.folder.path(), replica, control, wrong);
    });
    REQUIRE(wrong == 0);
    CHECK(canonical_bytes(storage, again) == expected);
  }
  CHECK(pairs == static_cast<std::int64_t>(meshes.size() * meshes.size()));
  fmt::print("{}: {} meshes, {} pairs\n", text(model), meshes.size(), pairs);
}

}  // namespace

TEST_CASE("any mesh to any mesh: a chain over all axes and ZeRO stages, untied") {
  check_chain(untied, {{},
                       {"mesh.dp=2", "mesh.tp=4", "mesh.zero=3"},
                       {"mesh.pp=8"},
                       {"mesh.dp=3", "mesh.zero=1"},
                       {"mesh.tp=8"},
                       {"mesh.cp=2", "mesh.pp=2", "mesh.tp=2", "mesh.zero=3", "mesh.schedule=interleaved", "mesh.virtual_stages=2"},
                       {"mesh.dp=2", "mesh.cp=2", "mesh.tp=2", "mesh.zero=1", "mesh.order=cp-dp-tp-pp"},
                       {"mesh.dp=8", "mesh.zero=3"},
                       {"mesh.cp=4"},
                       {}});
}

TEST_CASE("any mesh to any mesh: a chain over stages that hold a tied table twice") {
  check_chain(tied, {{},
                     {"mesh.pp=2", "mesh.tp=4"},
                     {"mesh.dp=7", "mesh.zero=3"},
                     {"mesh.dp=2", "mesh.pp=2", "mesh.cp=2", "mesh.zero=3"},
                     {"mesh.dp=2", "mesh.pp=4", "mesh.zero=1"},
                     {"mesh.tp=2", "mesh.sequence_parallel=true"}});
}

TEST_CASE("any mesh to any mesh: every pair", "[.every-pair]") {
  check_all_pairs(untied);
  check_all_pairs(tied);
}
