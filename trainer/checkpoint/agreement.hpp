// SPDX-License-Identifier: Apache-2.0
// How the ranks of a save or a load come to one outcome: texts over a communicator, and one failure for all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "parallel/communicator.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {

// An Error as a value that travels.
struct Failure {
  std::string problem, where, hint;
  ExitCode code = ExitCode::data;
  bool corrupt = false;  // the checkpoint is to blame, so that loading may step back

  AgreedError error() const { return {problem, where, hint, code}; }
  bool operator==(const Failure&) const = default;
};
// The exception being handled as a Failure: Error and Corrupt as they are, others of the library by their text; a Bug is thrown on.
Failure current_failure();

// Collective. The root's text on every rank.
std::string broadcast_text(Communicator& control, std::string text, int root = 0);
// Collective. Every rank's text, in rank order, on rank 0; nothing on the others.
std::vector<std::string> gather_text(Communicator& control, const std::string& text);
// Collective. Nothing if no rank failed; else one failure, the same on every rank: that of the lowest rank whose failure is not `corrupt`,
// else of the lowest that failed at all.
std::optional<Failure> agree(Communicator& control, const std::optional<Failure>& mine);
// Collective. Every rank does `work`, which must not communicate; what it throws on any rank becomes one AgreedError on all of them.
void on_every_rank(Communicator& control, const std::function<void()>& work);

}  // namespace ergon
