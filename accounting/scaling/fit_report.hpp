// SPDX-License-Identifier: Apache-2.0
// What `ergon fit` answers: the law of approach 3 with its bootstrap and diagnostics, and N*(C), D*(C) of approaches 1 and 2, each of them
// there or absent with the reason. Text, JSON (schema ergon.fit.v1), CSV and the law to be written are made from it alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "accounting/scaling/bootstrap.hpp"
#include "accounting/scaling/envelope_fit.hpp"
#include "accounting/scaling/fit_diagnostics.hpp"
#include "accounting/scaling/fit_rows.hpp"
#include "accounting/scaling/isoflop_fit.hpp"
#include "accounting/scaling/law_advice.hpp"
#include "accounting/scaling/overtraining_fit.hpp"
#include "accounting/scaling/parametric_fit.hpp"
#include "accounting/scaling/repetition_fit.hpp"

namespace ergon {

// What to fit, as numbered by Hoffmann et al. 2022: 1 envelope of curves, 2 isoFLOP parabolas, 3 parametric.
enum class Approach { envelope = 1, isoflop = 2, parametric = 3 };

// Forms beside the approaches. With `repetition` the rows that repeat their data (D above 1.001 times the unique tokens) leave the
// approaches, and the half-lives are fitted to them, under the law of approach 3.
enum class LawForm { overtraining, repetition };

using FitProgress = std::function<void(const std::string& what, std::int64_t done, std::int64_t all)>;

struct FitRequest {
  std::set<Approach> approaches = {Approach::parametric};
  std::set<LawForm> forms;
  double huber_delta = 1e-3;
  std::int64_t start_stride = 1;  // of the grid, for tests
  std::int64_t bootstrap = 1000;  // samples; 0: no intervals
  double level = 0.8;
  std::uint64_t seed = 1;
  std::vector<double> budgets;   // FLOPs of the isoFLOP groups; empty: as the rows name them
  std::optional<double> budget;  // FLOPs at which flatness is wanted too
  int threads = 0;               // 0: one a core
  FitProgress progress;
};

// What is fitted: `points` one row a model, `curves` the rows of whole runs (empty: there are none). `title`: the file or the runs.
struct FitInput {
  std::string title;
  FitRows points, curves;
};

// Of a table: rows that name a run are curves, and the last of each run (by step, then C) is its point. With a run in no row all are
// points.
FitInput fit_input(const std::string& title, FitRows table);

struct ParametricReport {
  ParametricFit fit;
  FitBootstrap bootstrap;
  std::optional<LawSpread> spread;  // absent without intervals (gives_intervals)
  Estimate a, b;                    // N* = k C^a, D* = k C^b
  Outliers outliers;
  std::vector<Flatness> flatness;
  HeldOut held_out;
};

struct FitReport {
  std::string title;
  FitRows rows;  // the points
  double level = 0;
  std::optional<ParametricReport> parametric;
  std::optional<IsoflopFit> isoflop;
  std::optional<EnvelopeFit> envelope;
  std::map<Approach, std::string> reason;  // of an absent one
  std::vector<std::string> warnings;
  std::optional<OvertrainingFit> overtraining;
  std::optional<RepetitionFit> repetition;
  std::int64_t repeated_rows = 0;  // of `repetition` alone: not in `rows`
};

// Throws Error when a single approach is asked for and its data do not allow it; of several, those that are not allowed have a reason,
// unless none is allowed.
FitReport make_fit_report(const FitInput& input, const FitRequest& request);

std::string fit_text(const FitReport& report);
std::string fit_json(const FitReport& report);
// row, N, D, C, loss, fitted loss, log residual, whether it is an outlier; of approach 3, which must be there.
std::string fit_csv(const FitReport& report);

// As written by --law-out: the law of approach 3, else the allocation of approach 2, else of 1. Throws Error where the size falls with C.
ScalingLaw law_of(const FitReport& report, const std::string& name);

}  // namespace ergon
