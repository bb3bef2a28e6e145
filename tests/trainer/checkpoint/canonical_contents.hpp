// SPDX-License-Identifier: Apache-2.0
// What a checkpoint holds, to be written again in canonical form.
#pragma once

#include "trainer/checkpoint/canonical.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"

namespace ergon::test {

inline CanonicalContents contents_of(const CheckpointReader& reader) {
  CanonicalContents contents;
  contents.id = reader.manifest().id;
  contents.run_uuid = std::string("r");
  contents.state = reader.state_text();
  contents.provenance = std::string("{}");
  contents.tensors = reader.tensors();
  return contents;
}

}  // namespace ergon::test
