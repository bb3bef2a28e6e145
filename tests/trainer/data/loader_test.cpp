// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/loader.hpp"

#include "parallel/communicator_local.hpp"
#include "tests/trainer/data/loader_cases.hpp"
#include "trainer/hdf5.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

const std::vector<MeshSizes> meshes = {{1, 1, 1, 1}, {2, 1, 1, 1}, {1, 1, 1, 2}, {2, 1, 1, 2}, {4, 1, 1, 1}, {4, 1, 1, 2}};

// Runs the check on every rank of a mesh; returns the state after it.
DataState run(const std::string& path, const MeshSizes& mesh, std::int64_t batch, int steps, const DataState& state,
              const LabelMask& mask) {
  Findings findings;
  DataState after;
  std::mutex mutex;
  run_local_ranks(Mesh(mesh).size(), [&](std::unique_ptr<Communicator> world) {
    const DataState mine = check_loader(path, mesh, std::move(world), batch, steps, state, mask, findings);
    const std::lock_guard lock(mutex);
    findings.expect(after.sources.empty() || after == mine, "ranks do not agree on the state");
    after = mine;
  });
  CHECK(findings.text() == "");
  return after;
}

}  // namespace

TEST_CASE("every mesh reads the same steps, over three epochs, with labels ignored unevenly") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  const std::int64_t samples = TokenSource({folder / "a.h5"}, Split::train, 8, storage).samples();
  const int steps = static_cast<int>(3 * samples / 16) + 1;

  for (const MeshSizes& mesh : meshes) {
    run(folder / "a.h5", mesh, 16, steps, {}, uneven_mask);
    run(folder / "a.h5", mesh, 16, 2, {}, {});
  }
}

TEST_CASE("ids of four bytes reach every mesh as they are") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  CHECK(make_wide_store(folder / "a.h5", 40, storage).token_bytes == 4);
  for (const MeshSizes& mesh : {MeshSizes{}, MeshSizes{.dp = 2, .tp = 2}, MeshSizes{.cp = 2}})
    run(folder / "a.h5", mesh, 16, 5, {}, uneven_mask);
}

TEST_CASE("context ranks of a data rank read the same samples and lay out their own positions, in every layout") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  for (const MeshSizes& mesh : {MeshSizes{.cp = 2}, MeshSizes{.dp = 2, .cp = 2}, MeshSizes{.cp = 4}, MeshSizes{.cp = 2, .tp = 2}})
    for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous}) {
      Findings findings;
      run_local_ranks(Mesh(mesh).size(), [&](std::unique_ptr<Communicator> world) {
        check_loader(folder / "a.h5", mesh, std::move(world), 16, 3, {}, uneven_mask, findings, layout);
      });
      CHECK(findings.text() == "");
    }
}

TEST_CASE("a sequence that the layout cannot cut is refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  Findings findings;
  const auto load = [&] {
    run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
      check_loader(folder / "a.h5", {.cp = 3}, std::move(world), 16, 1, {}, {}, findings);
    });
  };
  CHECK(contains(problem_of(load, ExitCode::config), "model.sequence: a sequence of 8 cannot be cut into 6 equal parts"));
}

TEST_CASE("a run continues from its state, on another mesh too, and counts what it consumed") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  const DataState straight = run(folder / "a.h5", {}, 16, 9, {}, {});

  const DataState half = run(folder / "a.h5", {2, 1, 1, 2}, 16, 4, {}, {});
  const DataState resumed = run(folder / "a.h5", {4, 1, 1, 1}, 16, 5, data_state_from_json(to_json(half), "test"), {});

  CHECK(resumed == straight);
  CHECK(straight.sources.at(0).consumed == 9 * 16);
}

TEST_CASE("skipped ordinals are left out and later samples keep their numbers") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  DataState state = run(folder / "a.h5", {}, 8, 2, {}, {});
  state.skip_ranges = {{20, 45}, {60, 61}};

  const DataState after = run(folder / "a.h5", {2, 1, 1, 1}, 8, 6, state, {});

  const std::int64_t samples = TokenSource({folder / "a.h5"}, Split::train, 8, storage).samples();
  CHECK(after.epoch * samples + after.index == 16 + 48 + 25 + 1);
}

TEST_CASE("less than a batch, and a state of other data, are refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"a text of two samples"}}, storage);
  const TokenSource source({folder / "a.h5"}, Split::train, 8, storage);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  DataState state = initial_data_state(source, 1);

  CHECK(contains(problem_of([&] {
                   Loader loader(source, {3, 1}, communicators, state);
                 }),
                 "the train split holds 2 samples of 8 tokens, a step wants train.batch = 3"));
  state.fingerprint = "other";
  CHECK(contains(problem_of([&] { Loader loader(source, {1, 1}, communicators, state); }), "names other tokens"));
}

TEST_CASE("damage that the reading thread meets is thrown by next") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(40), storage);
  flip_bit(folder / "a.h5", read_hdf5_contents(folder / "a.h5", {"/tokens/data"}).datasets.at("/tokens/data").offset + 100);
  const TokenSource source({folder / "a.h5"}, Split::train, 8, storage);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  Loader loader(source, {2, 2}, communicators, initial_data_state(source, 1));

  CHECK(contains(problem_of([&] { loader.next(); }), "block 0 of /tokens/data"));
}

TEST_CASE("evaluation reads the split in order on every mesh, the same first batches each time") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(150), storage);
  const std::int64_t batch = 16;
  for (const MeshSizes& mesh : meshes) {
    Findings findings;
    run_local_ranks(Mesh(mesh).size(), [&](std::unique_ptr<Communicator> world) {
      ergon::test::InspectingStorage own;
      const TokenSource source({folder / "a.h5"}, Split::validation, 8, own), reference({folder / "a.h5"}, Split::validation, 8, own);
      const LoaderShape shape{2, batch / 2 / mesh.dp};
      const int rank = world->rank();
      Communicators communicators(Mesh(mesh), std::move(world));
      EvaluationLoader loader(source, shape, communicators, 1000, uneven_mask), few(source, shape, communicators, 2);
      findings.expect(loader.batches() == source.samples() / batch && loader.batches() > 2, "number of batches");
      findings.expect(few.batches() == 2, "batches asked for");
      for (int round = 0; round < 2; ++round) {
        for (std::int64_t index = 0; index < loader.batches(); ++index) {
          std::vector<std::int64_t> samples;
          for (std::int64_t j = 0; j < batch; ++j) samples.push_back(index * batch + j);
          check_step(loader.batch(index), samples, reference, shape, Mesh(mesh), rank, uneven_mask, findings);
        }
      }
    });
    CHECK(findings.text() == "");
  }
}

TEST_CASE("a validation split smaller than a batch is filled with ignored labels; an empty one is refused") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", {{"train"}, {"a text of two samples", Split::validation}}, storage);
  for (const MeshSizes& mesh : meshes) {
    Findings findings;
    run_local_ranks(Mesh(mesh).size(), [&](std::unique_ptr<Communicator> world) {
      ergon::test::InspectingStorage own;
      const TokenSource source({folder / "a.h5"}, Split::validation, 8, own);
      const LoaderShape shape{1, 4 / mesh.dp};
      const int rank = world->rank();
      Communicators communicators(Mesh(mesh), std::move(world));
      EvaluationLoader loader(source, shape, communicators, 5);
      findings.expect(loader.batches() == 1, "one batch");
      const std::vector<std::int64_t> samples = {0, 1, -1, -1};
      check_step(loader.batch(0), samples, source, shape, Mesh(mesh), rank, {}, findings);
      findings.expect(loader.batch(0).valid_tokens == 16, "valid tokens");
    });
    CHECK(findings.text() == "");
  }
  make_store(folder / "b.h5", {{"only text for training"}}, storage);
  const TokenSource empty({folder / "b.h5"}, Split::validation, 8, storage);
  Communicators communicators(Mesh({}), std::move(make_local_group(1).front()));
  CHECK(contains(problem_of([&] {
                   EvaluationLoader loader(empty, {1, 1}, communicators, 5);
                 }),
                 "data.validation: the valid split holds no sample of 8 tokens"));
}

TEST_CASE(
    "where documents are kept apart every rank has the places of its tokens within them, the rules of its samples and the pairs of all") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(60), storage);
  std::vector<PairCount> pairs;
  for (const MeshSizes& mesh : {MeshSizes{1, 1, 1, 1}, MeshSizes{2, 1, 1, 1}, MeshSizes{1, 1, 2, 1}, MeshSizes{2, 1, 2, 2}}) {
    Findings findings;
    std::mutex mutex;
    run_local_ranks(Mesh(mesh).size(), [&](std::unique_ptr<Communicator> world) {
      ergon::test::InspectingStorage own;
      const TokenSource source({folder / "a.h5"}, Split::train, 16, own);
      const DocumentsApart documents{
          {.window = 9}, {AttentionSharding::ring, SequenceLayout::striped, mesh.cp, 1}, {.queries = 1, .keys = 1}};
      const LoaderShape shape{2, 4 / mesh.dp, 2, SequenceLayout::striped, {documents, {}}};
      const int rank = world->rank();
      Communicators communicators(Mesh(mesh), std::move(world));
      const std::vector<std::int64_t> own_positions = rows_of_rank(shape.layout, 16, mesh.cp, Mesh(mesh).coordinate(rank, Axis::cp));
      Loader loader(source, shape, communicators, initial_data_state(source, 3));
      const StepBatch& step = loader.next();
      std::vector<std::int32_t> tokens(17), segments(17);
      const Sampler sampler(3, source.samples());
      PairCount all;
      for (std::int64_t j = 0; j < 8; ++j) {
        source.read(sampler.at(j), tokens, segments);
        const std::span inputs(segments.data(), 16);
        all += pairs_of_sample(documents, inputs);
        if (j / 2 % mesh.dp != Mesh(mesh).coordinate(rank, Axis::dp)) continue;
        const DocumentMasks& of = step.microbatches.at(static_cast<std::size_t>(j / 2 / mesh.dp)).documents;
        findings.expect(of.rules->at(static_cast<std::size_t>(j % 2)) == rule_of_sample(documents, inputs), "rule");
        for (std::size_t t = 0; t < own_positions.size(); ++t) {
          const auto at = static_cast<std::size_t>(own_positions[t]);
          const auto begin = std::find(segments.begin(), segments.end(), segments[at]) - segments.begin();
          const std::int64_t place =
              of.positions_BT.data_ptr<std::int64_t>()[(j % 2) * std::ssize(own_positions) + static_cast<std::int64_t>(t)];
          findings.expect(place == static_cast<std::int64_t>(at) - begin, "place within the document");
        }
      }
      findings.expect(step.pairs == all, "pairs");
      const std::lock_guard lock(mutex);
      if (rank == 0) pairs.push_back(*step.pairs);
    });
    CHECK(findings.text() == "");
  }
  for (const PairCount& of_mesh : pairs) CHECK(of_mesh == pairs.front());
}
