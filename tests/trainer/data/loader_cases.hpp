// SPDX-License-Identifier: Apache-2.0
// What a loader must give, computed from the source and the sampler alone; run on threads and under MPI.
#pragma once

#include <ATen/core/Tensor.h>

#include <mutex>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/data/sampler.hpp"

namespace ergon::test {

// Ignores labels so that counts differ between samples, and every fifth sample counts none.
inline void uneven_mask(std::int64_t sample, std::span<std::uint8_t> counts_T) {
  for (std::size_t t = 0; t < counts_T.size(); ++t) counts_T[t] = sample % 5 != 0 && static_cast<std::int64_t>(t) >= sample % 7;
}

// Catch2's macros are not for several threads: a rank collects what is wrong, the test checks that it is nothing.
class Findings {
 public:
  void expect(bool condition, const std::string& what) {
    if (condition) return;
    const std::lock_guard lock(mutex_);
    if (text_.size() < 2000) text_ += what + "\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::mutex mutex_;
  std::string text_;
};

// The positions of this rank's rows, by the definition of the layouts.
inline std::vector<std::int64_t> rows_of_rank(SequenceLayout layout, std::int64_t sequence, int cp, int cp_rank) {
  std::vector<std::int64_t> positions;
  for (std::int64_t p = 0; p < sequence; ++p) {
    const std::int64_t chunk = cp == 1 ? 0 : layout == SequenceLayout::zigzag ? p / (sequence / (2 * cp)) : p / (sequence / cp);
    const std::int64_t owner = cp == 1 ? 0 : layout == SequenceLayout::striped ? p % cp : std::min<std::int64_t>(chunk, 2 * cp - 1 - chunk);
    if ((layout == SequenceLayout::contiguous ? chunk : owner) == cp_rank) positions.push_back(p);
  }
  return positions;
}

// Compares one rank's share of a step with `samples` of the source (-1: padding); returns nothing, reports into `findings`.
inline void check_step(const StepBatch& step, std::span<const std::int64_t> samples, const TokenSource& source, LoaderShape shape,
                       const Mesh& mesh, int rank, const LabelMask& mask, Findings& findings) {
  const std::int64_t S = source.sequence(), B = shape.microbatch;
  const int dp = mesh.size(Axis::dp), dp_rank = mesh.coordinate(rank, Axis::dp);
  const auto positions = rows_of_rank(shape.layout, S, mesh.size(Axis::cp), mesh.coordinate(rank, Axis::cp));
  const std::int64_t T = std::ssize(positions);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(S) + 1), segments(static_cast<std::size_t>(S) + 1);
  std::vector<std::uint8_t> counts(static_cast<std::size_t>(S));
  std::int64_t all_valid = 0;
  for (std::size_t j = 0; j < samples.size(); ++j) {
    const auto k = static_cast<std::int64_t>(j) / B, b = static_cast<std::int64_t>(j) % B;
    if (samples[j] < 0) continue;
    source.read(samples[j], tokens, segments);
    std::ranges::fill(counts, std::uint8_t{1});
    if (mask) mask(samples[j], counts);
    for (std::uint8_t count : counts) all_valid += count;
    if (k % dp != dp_rank) continue;
    const Batch& batch = step.microbatches.at(static_cast<std::size_t>(k / dp));
    findings.expect(batch.first_sample == k * B, "first_sample");
    for (std::int64_t t = 0; t < T; ++t) {
      const auto i = static_cast<std::size_t>(positions[static_cast<std::size_t>(t)]);
      const std::int64_t label = counts[i] ? tokens[i + 1] : ignored_label, at = b * T + t;
      findings.expect(batch.tokens_BT.data_ptr<std::int64_t>()[at] == tokens[i], fmt::format("token {} of sample {}", t, j));
      findings.expect(batch.labels_BT.data_ptr<std::int64_t>()[at] == label, fmt::format("label {} of sample {}", t, j));
      findings.expect(batch.positions_BT.data_ptr<std::int64_t>()[at] == static_cast<std::int64_t>(i), "position");
    }
  }
  std::int64_t mine = 0;
  for (const Batch& batch : step.microbatches) {
    std::int64_t valid = 0;
    for (std::int64_t i = 0; i < B * T; ++i) valid += batch.labels_BT.data_ptr<std::int64_t>()[i] != ignored_label;
    findings.expect(valid == batch.valid_tokens, "valid tokens of a microbatch");
    mine += valid;
  }
  findings.expect(step.valid_tokens == all_valid, fmt::format("{} valid tokens, not {}", step.valid_tokens, all_valid));
  findings.expect(mine <= all_valid, "valid tokens of a rank");
  findings.expect(step.tokens == static_cast<std::int64_t>(samples.size()) * S, "tokens of a step");
}

// `steps` steps from `state`, each compared; returns the state after them.
inline DataState check_loader(const std::string& path, const MeshSizes& mesh, std::unique_ptr<Communicator> world, std::int64_t batch,
                              int steps, DataState state, const LabelMask& mask, Findings& findings,
                              SequenceLayout layout = SequenceLayout::zigzag) {
  ergon::test::InspectingStorage storage;
  const TokenSource source({path}, Split::train, 8, storage), reference({path}, Split::train, 8, storage);
  const LoaderShape shape{2, batch / 2 / mesh.dp, 2, layout, {}, source.token_bytes()};
  if (state.sources.empty()) state = initial_data_state(source, 3);
  const int rank = world->rank();
  Communicators communicators(Mesh(mesh), std::move(world));
  Loader loader(source, shape, communicators, state, mask);
  const Sampler sampler(state.seed, source.samples());
  std::int64_t ordinal = state.epoch * source.samples() + state.index;
  for (int s = 0; s < steps; ++s) {
    std::vector<std::int64_t> samples;
    for (std::int64_t j = 0; j < batch; ++j, ++ordinal) {
      while (std::ranges::any_of(state.skip_ranges, [&](const auto& skip) { return ordinal >= skip.begin && ordinal < skip.end; }))
        ++ordinal;
      samples.push_back(sampler.at(ordinal));
    }
    const StepBatch& step = loader.next();
    check_step(step, samples, reference, shape, Mesh(mesh), rank, mask, findings);
    findings.expect(step.after.epoch * source.samples() + step.after.index == ordinal, "place after the step");
    findings.expect(step.data_wait.value >= 0, "data wait");
    if (s + 1 == steps) state = step.after;
  }
  return state;
}

}  // namespace ergon::test
