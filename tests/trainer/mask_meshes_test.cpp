// SPDX-License-Identifier: Apache-2.0
// Documents kept apart, and models that see the whole sequence, on meshes of threads: every strategy and layout trains the model of one
// rank, moves what it would move without, and spends what was counted as the data was read.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "accounting/ledger_summary.hpp"
#include "tests/trainer/mesh_step.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

using Keys = std::vector<std::string>;

// Documents of one token, of a few, and longer than a sequence of 24; every sixth for validation.
std::string write_uneven_store(const TinyRun& tiny) {
  const std::string path = tiny.folder / "uneven.h5";
  test::InspectingStorage storage;
  const std::unique_ptr<Tokenizer> tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(path, *tokenizer, storage);
  const std::vector<int> lengths = {0, 3, 9, 0, 0, 31, 5, 1, 60, 2, 14, 7, 24, 0, 23, 4, 11};
  for (int d = 0; d < 150; ++d) {
    std::string text;
    for (int i = 0; i < lengths[static_cast<std::size_t>(d) % lengths.size()]; ++i)
      text += static_cast<char>('a' + (d * 5 + i * (1 + d % 4)) % 26);
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    writer.add(ids, d % 6 == 5 ? Split::validation : Split::train);
  }
  writer.finish("[]");
  return path;
}

struct Uneven {
  RunConfig config(const std::string& folder, const Keys& mode, const Keys& mesh = {}) const {
    Keys keys = {"data.train=[\"" + store + "\"]",
                 "run.folder=\"" + tiny.folder / folder + "\"",
                 "model.vocabulary=258",
                 "model.sequence=24",
                 "train.steps=5",
                 "train.evaluate_every=5",
                 "train.evaluate_batches=1",
                 "checkpoint.every=1000"};
    keys.insert(keys.end(), mode.begin(), mode.end());
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    return tiny.config(keys);
  }
  LedgerSummary summary(const RunConfig& config) const {
    const std::string path = config.run.folder + "/ledger.jsonl";
    return summarise(parse_ledger(test::read_file(path), path), path);
  }

  TinyRun tiny;
  std::string store = write_uneven_store(tiny);
};

void check_moved(const LedgerSummary& ledger) {
  CHECK_FALSE(ledger.predicted.empty());
  for (const CommunicationRow& row : ledger.communication) {
    if (!why_not_predicted(row.group).empty()) continue;
    const auto same = [&](const CommunicationVolume& volume) { return volume.group == row.group && volume.operation == row.operation; };
    const auto predicted = std::find_if(ledger.predicted.begin(), ledger.predicted.end(), same);
    CAPTURE(row.group, row.operation);
    REQUIRE(predicted != ledger.predicted.end());
    CHECK(predicted->calls == row.calls);
    CHECK(predicted->bytes.value == row.bytes.value);
  }
}

// Whole runs, whose first step is audited, and all of step 1, against one rank.
void check_meshes(const Keys& mode, const std::vector<Keys>& meshes) {
  const Uneven uneven;
  const RunConfig one = uneven.config("one", mode);
  const std::optional<double> validation = uneven.tiny.run(one).validation_loss;
  const auto losses = uneven.tiny.losses(one);
  REQUIRE(losses.size() == 5);
  const LedgerSummary spent = uneven.summary(one);
  const test::Whole first = test::whole_of_one_rank(one);
  for (const Keys& mesh : meshes) {
    std::string name;
    for (const std::string& key : mesh) name += key.substr(key.find('.') + 1) + " ";
    INFO(name);
    const RunConfig config = uneven.config(std::to_string(&mesh - meshes.data()), mode, mesh);
    const RunResult result = uneven.tiny.run(config);
    REQUIRE(result.code == ExitCode::ok);
    CHECK(test::worst_difference(uneven.tiny.losses(config), losses) <= 1e-10);
    CHECK(std::abs(*result.validation_loss - *validation) <= 1e-10);
    const LedgerSummary here = uneven.summary(config);
    CHECK(here.spent.training.model == spent.spent.training.model);
    CHECK(here.spent.evaluation.model == spent.spent.evaluation.model);
    check_moved(here);

    test::Differences worst;
    const test::MeshStep step = test::compare_step(config, first, worst);
    CAPTURE(worst.gradients.where(), worst.updated.where());
    CHECK(worst.loss.error() <= 1e-11);
    CHECK(worst.norm.error() <= 1e-11);
    CHECK(worst.gradients.error() <= 1e-12);
    CHECK(worst.updated.error() <= 1e-10);
    CHECK(step.executed == step.predicted);
  }
}

std::string attention(const char* name) { return std::string("mesh.attention=") + name; }
std::string layout(const char* name) { return std::string("mesh.layout=") + name; }

const Keys documents = {"data.document_mask=true"}, full = {"model.causal=false", "data.mask_fraction=0.3"},
           both = {"model.causal=false", "data.mask_fraction=0.3", "data.document_mask=true"};

}  // namespace

TEST_CASE("masks: documents kept apart train the model of one rank by rings in every layout") {
  check_meshes(documents, {{"mesh.dp=2", "train.microbatch=4"},
                           {"mesh.cp=2", layout("zigzag"), "train.microbatch=2"},
                           {"mesh.cp=4", layout("striped"), "train.microbatch=4"},
                           {"mesh.cp=3", layout("contiguous")},
                           {"mesh.dp=2", "mesh.cp=2", "mesh.zero=3", layout("zigzag"), "train.recompute=full"}});
}

TEST_CASE("masks: documents kept apart train the model of one rank, by head exchange, gathered keys, hybrid") {
  check_meshes(documents, {{"mesh.cp=3", attention("ulysses"), layout("zigzag"), "train.microbatch=2"},
                           {"mesh.cp=4", attention("gather_kv"), layout("striped"), "mesh.gather_heads=2", "train.microbatch=2"},
                           {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("contiguous"), "train.microbatch=2"},
                           {"mesh.cp=2", "mesh.tp=2", "mesh.sequence_parallel=true", attention("gather_kv")},
                           {"mesh.pp=2", "mesh.cp=2", attention("ulysses"), "mesh.schedule=zero_bubble", "train.recompute=core"}});
}

TEST_CASE("masks: a model that sees the whole sequence trains the model of one rank") {
  check_meshes(full, {{"mesh.cp=2", layout("zigzag")},
                      {"mesh.cp=4", layout("contiguous"), "train.microbatch=2"},
                      {"mesh.cp=2", attention("ulysses"), layout("striped")},
                      {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("striped")},
                      {"mesh.dp=2", "mesh.cp=2", attention("gather_kv"), "mesh.zero=1"}});
}

TEST_CASE("masks: documents kept apart that are seen whole train the model of one rank, with learned positions") {
  Keys mode = both;
  mode.insert(mode.end(), {"model.positions=learned", "model.norm=layernorm", "model.mlp=gelu"});
  check_meshes(mode, {{"mesh.cp=2", layout("striped"), "train.microbatch=2"},
                      {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("zigzag")},
                      {"mesh.cp=2", attention("gather_kv"), layout("contiguous"), "mesh.tp=2"},
                      {"mesh.pp=2", "mesh.cp=2", layout("zigzag"), "mesh.schedule=gpipe"}});
}

TEST_CASE("masks: a step moves what it moves without them, whatever its documents") {
  const Uneven uneven;
  for (const Keys& mesh : {Keys{"mesh.cp=4", "mesh.layout=zigzag", "train.microbatch=2"},
                           Keys{"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", "train.microbatch=2"}}) {
    const test::Moved without = test::step_on_mesh(uneven.config("without", {}, mesh)).moved;
    CHECK_FALSE(without.empty());
    CHECK(test::step_on_mesh(uneven.config("with", documents, mesh)).moved == without);
    CHECK(test::step_on_mesh(uneven.config("both", both, mesh)).moved == without);
  }
}

TEST_CASE("masks: interrupted and resumed equals uninterrupted, bit for bit, and the ledger adds up") {
  const Uneven uneven;
  for (const Keys& mode : {documents, both}) {
    Keys keys = mode;
    keys.insert(keys.end(), {"mesh.cp=2", "train.steps=9", "train.microbatch=2"});
    const RunConfig whole = uneven.config("whole " + mode.front(), keys), cut = uneven.config("cut " + mode.front(), keys);
    uneven.tiny.run(whole);
    std::atomic<int> asked = 0;
    const RunResult stopped = uneven.tiny.run(
        cut, [&](LoopOptions& options) { options.pending_stop = [&] { return ++asked > 8 ? StopRequest::requeue : StopRequest::none; }; });
    CHECK(stopped.code == ExitCode::saved);
    CHECK(stopped.step < 9);
    CHECK(uneven.tiny.run(cut).code == ExitCode::ok);
    CHECK(uneven.tiny.losses(cut) == uneven.tiny.losses(whole));
    const LedgerSummary parts = uneven.summary(cut), all = uneven.summary(whole);
    CHECK(parts.spent.training.model == all.spent.training.model);
    CHECK(parts.spent.training.attention == all.spent.training.attention);
  }
}

TEST_CASE("masks: what a run spends on attention is less than whole sequences would cost, and is in the events of its steps") {
  const Uneven uneven;
  const RunConfig config = uneven.config("run", documents);
  uneven.tiny.run(config);
  PairCount pairs;
  for (const auto& [step, event] : loss_curve(uneven.tiny.events(config), "events")) {
    REQUIRE(event.pairs);
    pairs += *event.pairs;
    CHECK(event.valid_tokens < event.tokens);
  }
  const LedgerSummary spent = uneven.summary(config);
  const Workload work{5 * config.train.batch, config.model.sequence, pairs};
  CHECK(spent.spent.training.model.at("exact") == flops_by_convention(config.model, work).at("exact"));
  CHECK(spent.spent.training.model.at("exact") < flops_by_convention(config.model, {work.sequences, work.length}).at("exact"));
  CHECK(spent.spent.training.model.at("palm") == flops_by_convention(config.model, {work.sequences, work.length}).at("palm"));
}

TEST_CASE("masks: a store that leaves no id for tokens to restore is refused") {
  const Uneven uneven;
  Keys keys = full;
  keys.push_back("model.vocabulary=257");
  const RunConfig config = uneven.config("run", keys);
  try {
    uneven.tiny.run(config);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "model.vocabulary");
    CHECK_THAT(error.problem(), Catch::Contains("token ids up to 256, and the model keeps 1 for tokens to restore"));
    CHECK(error.hint() == "set model.vocabulary = 258 or more");
  }
}
