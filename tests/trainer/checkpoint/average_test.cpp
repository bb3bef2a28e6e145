// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/average.hpp"

#include "configs/error.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;

namespace {

std::string saved(Storage& storage, const TemporaryFolder& run, std::int64_t step) {
  const SaveResult result = save_alone(storage, run.path(), step);
  REQUIRE_FALSE(result.error);
  return result.folder;
}

// The tensors of a step without records/count, whose integers differ between steps.
std::vector<CheckpointTensor> numbers(std::int64_t step) {
  std::vector<CheckpointTensor> tensors = model({}, step);
  tensors.pop_back();
  return tensors;
}

std::string save_numbers(Storage& storage, const std::string& run, std::int64_t step, const std::vector<CheckpointTensor>& tensors) {
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run, run_identity(storage, run), 1, 0, {0}, {}});
  const SaveResult result = saver.save(tensors, state_of(step), *control);
  REQUIRE_FALSE(result.error);
  return result.folder;
}

}  // namespace

TEST_CASE("the weighted mean of two checkpoints, rounded once; the rest is the first's") {
  const TemporaryFolder run;
  Storage storage;
  const CheckpointReader a(storage, save_numbers(storage, run.path(), 1, numbers(1))),
      b(storage, save_numbers(storage, run.path(), 2, numbers(2)));
  for (const auto& [weights, first] : {std::pair{std::vector<double>{}, 0.5}, {std::vector<double>{3, 1}, 0.75}}) {
    const CanonicalContents mean = average({a, b}, weights);
    REQUIRE(mean.tensors.size() == 3);
    for (const LazyTensor& tensor : mean.tensors) {
      const at::Tensor x = value_of(*find(a.tensors(), tensor.name)).to(at::kDouble),
                       y = value_of(*find(b.tensors(), tensor.name)).to(at::kDouble);
      CHECK(value_of(tensor).equal(x.mul(first).add(y.mul(1 - first)).to(tensor.dtype)));
    }
    const RunState state = parse_state(mean.state, "x");
    CHECK(state.step == 1);
    CHECK(contains(state.records.at("merged"), b.manifest().id.uuid));
    CHECK(mean.id.uuid != a.manifest().id.uuid);
    write_canonical(storage, run / fmt::format("mean{}", weights.size()), mean);
  }
}

TEST_CASE("means that there are not") {
  const TemporaryFolder run;
  Storage storage;
  const CheckpointReader one(storage, saved(storage, run, 1)), two(storage, saved(storage, run, 2));
  const auto refusal = [](const std::vector<CheckpointReader>& checkpoints, const std::vector<double>& weights) {
    try {
      for (const LazyTensor& tensor : average(checkpoints, weights).tensors) value_of(tensor);
    } catch (const Error& error) {
      return error.problem();
    }
    return std::string("no error");
  };
  CHECK(refusal({one}, {}) == "a mean needs two checkpoints at least");
  CHECK(refusal({one, two}, {1}) == "1 weights for 2 checkpoints");
  CHECK(refusal({one, two}, {1, 0}) == "the weight 0 is not a number above 0");
  CHECK(refusal({one, two}, {}) == "tensor records/count holds integers, which differ and have no mean");
  CHECK(refusal({one, one}, {}) == "no error");

  const CheckpointReader fewer(storage, save_numbers(storage, run.path(), 3, numbers(3)));
  CHECK(contains(refusal({one, fewer}, {}), "tensor records/count is not there"));
  CHECK(contains(refusal({fewer, one}, {}), "tensor records/count is there"));
  std::vector<CheckpointTensor> other = numbers(4);
  other[1].data = other[1].data.to(at::kDouble);
  CHECK(contains(refusal({fewer, CheckpointReader(storage, save_numbers(storage, run.path(), 4, other))}, {}),
                 "has another shape or type than in"));
}
