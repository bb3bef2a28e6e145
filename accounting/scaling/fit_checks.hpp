// SPDX-License-Identifier: Apache-2.0
// What must hold before a fit means anything. Each failure is an Error (ExitCode::data) that names the row or says what is missing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accounting/scaling/fit_rows.hpp"

namespace ergon {

// One unit a column: parameters, tokens and FLOPs are counts (not millions or pfs-days), with no hole of more than 300 x between a value
// and the next larger; the middle row has between 1e-4 and 1e6 tokens a parameter; a loss is in nats (above 20 it is a perplexity).
void require_units(const std::vector<FitRow>& rows, const std::string& source);

// A sentence on how C differs from 6 N D; empty when it does not by more than 1 %. C that is more than 10 x off, or off by more than 10 x
// what the others are, is an Error: a unit is wrong.
std::string six_n_d_disagreement(const std::vector<FitRow>& rows, const std::string& source);

// Approach 3 has five unknowns: at least six different (N, D), more than one N and one D that do not follow from each other, losses that
// differ.
void require_fittable(const std::vector<FitRow>& rows, const std::string& source);

// The same as an answer: what is missing and the way out; nothing when the rows can be fitted.
struct Unfittable {
  std::string what, hint;
};
std::optional<Unfittable> unfittable(const std::vector<FitRow>& rows);

}  // namespace ergon
