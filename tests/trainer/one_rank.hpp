// SPDX-License-Identifier: Apache-2.0
// What run_step needs of a run of one rank, built from the configuration of a TinyRun.
#pragma once

#include "parallel/plan/refusals.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/step.hpp"

namespace ergon::test {

struct OneRank {
  explicit OneRank(const TinyRun& tiny, const std::vector<std::string>& keys = {})
      : config(tiny.config(keys)),
        source(config.data.train, Split::train, config.model.sequence, storage),
        communicators(Mesh({}), std::move(make_local_group(1).front()), 1),
        replica(config, communicators),
        loader(source, {config.train.microbatch, accumulation(config), 1}, communicators, initial_data_state(source, 1)) {}

  InspectingStorage storage;
  RunConfig config;
  TokenSource source;
  Communicators communicators;
  Replica replica;
  Loader loader;
};

}  // namespace ergon::test
